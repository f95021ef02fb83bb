#ifndef CALIPERS_SERVER_SESSION_COUNT_WAITER_H_
#define CALIPERS_SERVER_SESSION_COUNT_WAITER_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/model/session_identity.h"

namespace calipers::server {

/// Wakes the calls that wait until a session's series holds a number of records. The class learns
/// counts only from the results of puts, and only while a call waits. A waiting call asks the store
/// for the count, and this class tells it when to ask again. Thread-safe.
class CountWaiter {
 public:
  /// Reports that after a put the series holds `count` records. Costs one atomic load if no call
  /// waits.
  void Reached(SeriesId series, std::int64_t count) ABSL_LOCKS_EXCLUDED(mu_);
  /// Ends all waits, because the session was deleted.
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  /// A waiting call. Make it before asking the store: a count that is reached after that ends
  /// Await.
  class Waiting {
   public:
    explicit Waiting(CountWaiter* waiter) : waiter_(waiter) { waiter_->waiting_.fetch_add(1); }
    ~Waiting() { waiter_->waiting_.fetch_sub(1); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    /// Returns when, according to the puts, the series holds `count` records or the session has
    /// another series; at the latest at `deadline`, then false.
    bool Await(SeriesId series, std::int64_t count, absl::Time deadline);

   private:
    CountWaiter* const waiter_;
  };

 private:
  std::atomic<int> waiting_{0};
  absl::Mutex mu_;
  // The latest series that a put reported, and its count.
  SeriesId series_ ABSL_GUARDED_BY(mu_){0};
  std::int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_COUNT_WAITER_H_
