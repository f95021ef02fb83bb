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

/// A failure of a disk.
struct Fault {
  enum Error {
    kIo,       // EIO: the operation has no effect
    kNoSpace,  // ENOSPC: the operation has no effect
    kShort,    // ENOSPC after part of the data was written
  };
  /// KIND-OPERATION with the names of FaultyFileSystem. The KIND `any` stands for every kind.
  std::string operation;
  Error error = kIo;
  /// The first operation of this name that fails, counted from 1, and the number of failures. After
  /// them the disk works again.
  std::int64_t first = 1;
  std::int64_t count = 1;

  /// Parses `OPERATION:ERROR:FIRST:COUNT`. ERROR is EIO, ENOSPC or short. A COUNT of 0 means every
  /// operation from FIRST on. INVALID_ARGUMENT if the text has another form.
  static absl::StatusOr<Fault> Parse(absl::string_view text);
};

/// Counts operations and decides which of them fail. Thread-safe.
class FaultPlan {
 public:
  explicit FaultPlan(std::vector<Fault> faults) : faults_(faults.begin(), faults.end()) {}

  /// The error with which this operation fails; nullopt if it succeeds. Called once for each
  /// operation.
  std::optional<Fault::Error> Next(absl::string_view kind, absl::string_view operation);

 private:
  struct Counted {
    Counted(Fault f) : fault(std::move(f)) {}  // NOLINT: implicit; no operation is counted yet
    Fault fault;
    std::int64_t seen = 0;
  };
  absl::Mutex mu_;
  std::vector<Counted> faults_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_FAULT_H_
