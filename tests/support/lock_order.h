#ifndef CALIPERS_TESTS_SUPPORT_LOCK_ORDER_H_
#define CALIPERS_TESTS_SUPPORT_LOCK_ORDER_H_

#include "absl/synchronization/mutex.h"

namespace calipers::testing {

/// Locks two mutexes in both orders. No thread can block here, but Abseil's deadlock detector ends
/// the process in its mode kAbort, which is the default in Debian's Abseil.
inline void LockInBothOrders() {
  absl::Mutex a;
  absl::Mutex b;
  {
    const absl::MutexLock first(&a);
    const absl::MutexLock second(&b);
  }
  const absl::MutexLock first(&b);
  const absl::MutexLock second(&a);
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_LOCK_ORDER_H_
