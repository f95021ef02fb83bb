#ifndef CALIPERS_TESTS_CRASH_FAULT_H_
#define CALIPERS_TESTS_CRASH_FAULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace calipers::crash {

/// What a disk does instead of what it was told to.
struct Fault {
  enum Error {
    kIo,       // EIO: nothing is done
    kNoSpace,  // ENOSPC: nothing is done
    kShort,    // ENOSPC after a part of the data was written
  };
  /// KIND-OPERATION as FaultyFileSystem names it; KIND `any` stands for every kind.
  std::string operation;
  Error error = kIo;
  /// The first operation of this name that fails, counted from 1, and how many do;
  /// the disk is well again after them.
  std::int64_t first = 1;
  std::int64_t count = 1;

  /// From `OPERATION:ERROR:FIRST:COUNT` with an ERROR of EIO, ENOSPC or short, and a
  /// COUNT of 0 for every one from FIRST on. INVALID_ARGUMENT if the text is not that.
  static absl::StatusOr<Fault> Parse(absl::string_view text);
};

/// Counts operations and says which of them fail. Thread-safe.
class FaultPlan {
 public:
  explicit FaultPlan(std::vector<Fault> faults) : faults_(faults.begin(), faults.end()) {}

  /// For each operation once: how it fails; nothing if it does not.
  std::optional<Fault::Error> Next(absl::string_view kind, absl::string_view operation);

 private:
  struct Counted {
    Counted(Fault f) : fault(std::move(f)) {}  // NOLINT: a fault that nothing met yet
    Fault fault;
    std::int64_t seen = 0;
  };
  absl::Mutex mu_;
  std::vector<Counted> faults_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_FAULT_H_
