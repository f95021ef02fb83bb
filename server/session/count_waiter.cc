#include "server/session/count_waiter.h"

#include <algorithm>

namespace calipers::server {

void CountWaiter::Reached(SeriesId series, std::int64_t count) {
  if (waiting_.load() == 0) return;
  absl::MutexLock lock(&mu_);
  // Ignore a put into a series that was reset in the meantime.
  if (series < series_) return;
  count_ = series == series_ ? std::max(count_, count) : count;
  series_ = series;
}

void CountWaiter::End() {
  absl::MutexLock lock(&mu_);
  ended_ = true;
}

bool CountWaiter::Waiting::Await(SeriesId series, std::int64_t count, absl::Time deadline) {
  CountWaiter& waiter = *waiter_;
  absl::MutexLock lock(&waiter.mu_);
  const auto over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(waiter.mu_) {
    return waiter.ended_ || waiter.series_ > series ||
           (waiter.series_ == series && waiter.count_ >= count);
  };
  return waiter.mu_.AwaitWithDeadline(absl::Condition(&over), deadline);
}

}  // namespace calipers::server
