#ifndef CALIPERS_CORE_MUTEX_SETTINGS_H_
#define CALIPERS_CORE_MUTEX_SETTINGS_H_

#include "absl/synchronization/mutex.h"

// Switches Abseil's deadlock detector off in every program that links a source file which
// includes this header, before main() begins. The client library, the server, the Python
// extension and the test programs include it; core's own libraries hold no lock.
//
// Debian builds Abseil with the detector on, in its mode kAbort:
// - A lock costs three times as much (124 ns for two locks, 43 ns without).
// - Debian 13's Abseil reports false cycles to programs that are compiled with NDEBUG: their
//   inlined ~Mutex() does nothing, so the detector takes a new mutex for a dead one at the same
//   address, and ends the process.
// ThreadSanitizer looks for data races in tests; it does not need the detector.

namespace calipers {

inline const bool kMutexDeadlockDetectionIsOff = [] {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return true;
}();

}  // namespace calipers

#endif  // CALIPERS_CORE_MUTEX_SETTINGS_H_
