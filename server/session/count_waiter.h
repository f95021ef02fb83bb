#ifndef CALIPERS_SERVER_SESSION_COUNT_WAITER_H_
#define CALIPERS_SERVER_SESSION_COUNT_WAITER_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/model/session_identity.h"

namespace calipers::server {

/// Wakes who waits until a session's series holds a number of records. It knows the count
/// from the results of puts alone, and only while someone waits: a waiter asks the store
/// itself, and lets this class tell it when to ask again. Thread-safe.
class CountWaiter {
 public:
  /// A put left the series, or a later one, at so many records. Costs one atomic load while
  /// nobody waits.
  void Reached(SeriesId series, std::int64_t count) ABSL_LOCKS_EXCLUDED(mu_);
  /// The session is gone: nobody waits any more.
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  /// One who waits. Whatever is reached after it was made ends its Await, so that it is made
  /// before the store is asked.
  class Waiting {
   public:
    explicit Waiting(CountWaiter* waiter) : waiter_(waiter) { waiter_->waiting_.fetch_add(1); }
    ~Waiting() { waiter_->waiting_.fetch_sub(1); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    /// Returns when the series has `count` records or is not the session's any more, as far as
    /// puts tell, or at `deadline`.
    void Await(SeriesId series, std::int64_t count, absl::Time deadline);

   private:
    CountWaiter* const waiter_;
  };

 private:
  std::atomic<int> waiting_{0};
  absl::Mutex mu_;
  // Of the latest series that was told of.
  SeriesId series_ ABSL_GUARDED_BY(mu_){0};
  std::int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_COUNT_WAITER_H_
