#ifndef CALIPERS_SERVER_SESSION_CHANGE_FEED_H_
#define CALIPERS_SERVER_SESSION_CHANGE_FEED_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/model/name_filter.h"
#include "server/model/names.h"

namespace calipers::server {

/// Tells subscribers which sessions changed. Several changes of one session are merged, so a slow
/// subscriber misses no session and needs memory only for the names. Thread-safe.
class ChangeFeed {
 public:
  class Subscription {
   public:
    Subscription(ChangeFeed* feed, NameFilter filter);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    /// Full names of the sessions that changed since the last call. Waits up to `timeout` for a
    /// change.
    std::vector<std::string> Poll(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

   private:
    friend class ChangeFeed;
    void Add(const SessionName& name) ABSL_LOCKS_EXCLUDED(mu_);

    ChangeFeed* const feed_;
    const NameFilter filter_;
    absl::Mutex mu_;
    absl::btree_set<std::string> changed_ ABSL_GUARDED_BY(mu_);
  };

  std::unique_ptr<Subscription> Subscribe(NameFilter filter);

  /// Reports a change. Costs one atomic load if there are no subscribers.
  void Changed(const SessionName& name) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::atomic<int> subscriber_count_{0};
  absl::Mutex mu_;
  absl::flat_hash_set<Subscription*> subscribers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_CHANGE_FEED_H_
