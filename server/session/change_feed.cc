#include "server/session/change_feed.h"

#include <utility>

namespace calipers::server {

ChangeFeed::Subscription::Subscription(ChangeFeed* feed, NameFilter filter)
    : feed_(feed), filter_(std::move(filter)) {
  absl::MutexLock lock(&feed_->mu_);
  feed_->subscribers_.insert(this);
  feed_->subscriber_count_.fetch_add(1);
}

ChangeFeed::Subscription::~Subscription() {
  absl::MutexLock lock(&feed_->mu_);
  feed_->subscribers_.erase(this);
  feed_->subscriber_count_.fetch_sub(1);
}

std::vector<std::string> ChangeFeed::Subscription::Poll(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(
      absl::Condition(
          +[](absl::btree_set<std::string>* changed) { return !changed->empty(); }, &changed_),
      timeout);
  std::vector<std::string> names(changed_.begin(), changed_.end());
  changed_.clear();
  return names;
}

void ChangeFeed::Subscription::Add(const SessionName& name) {
  if (!filter_.Matches(name)) return;
  absl::MutexLock lock(&mu_);
  changed_.insert(name.full());
}

std::unique_ptr<ChangeFeed::Subscription> ChangeFeed::Subscribe(NameFilter filter) {
  return std::make_unique<Subscription>(this, std::move(filter));
}

void ChangeFeed::Changed(const SessionName& name) {
  if (subscriber_count_.load() == 0) return;
  absl::MutexLock lock(&mu_);
  for (Subscription* subscriber : subscribers_) subscriber->Add(name);
}

}  // namespace calipers::server
