#ifndef CALIPERS_TESTS_CRASH_FAILPOINT_H_
#define CALIPERS_TESTS_CRASH_FAILPOINT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace calipers::crash {

/// Called with the name of each place that the program passes: `before-wal-sync`, `after-put`.
using AtPoint = std::function<void(absl::string_view)>;

/// A place at which the process kills itself with SIGKILL, as a power failure would: without
/// flushing buffers or unwinding the stack. Thread-safe.
class Failpoint {
 public:
  /// Parses `POINT:N`: the Nth pass of POINT, counted from 1. INVALID_ARGUMENT if the text has
  /// another form.
  static absl::StatusOr<Failpoint> Parse(absl::string_view text);

  /// Never kills.
  Failpoint() = default;
  Failpoint(Failpoint&& other) noexcept
      : point_(std::move(other.point_)), left_(other.left_.load()) {}

  /// Does not return at the pass that kills the process.
  void Pass(absl::string_view point);

 private:
  std::string point_;
  std::atomic<std::int64_t> left_{0};
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_FAILPOINT_H_
