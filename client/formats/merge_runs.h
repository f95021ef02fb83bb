#ifndef CALIPERS_CLIENT_FORMATS_MERGE_RUNS_H_
#define CALIPERS_CLIENT_FORMATS_MERGE_RUNS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/formats/run_file.h"
#include "client/formats/run_file_writer.h"

namespace calipers::client {

/// The outcomes of a merge.
struct MergeCounts {
  std::int64_t sessions = 0;    // written
  std::int64_t records = 0;     // written
  std::int64_t duplicates = 0;  // equal to a record that was written
  std::int64_t conflicts = 0;   // differ from a record that was written, and were left out
  std::int64_t rejected = 0;    // beyond the seal of their session, or in a left-out session
};

/// Callbacks of a merge.
struct MergeEvents {
  /// Called with a description of each conflict, rejected record, or left-out session.
  std::function<void(std::string)> refused;
  /// Called with the number of records processed so far.
  std::function<void(std::int64_t)> progress;
};

/// Writes the run that a server would hold after it imported the files one after another. Each
/// session has the records of all files, one for each index. If records of an index differ, the
/// record of the first file stays. A session of a later file is left out completely if its spec,
/// dtype, qparam shape or seal differs from the first file's. All errors come from `writer`. The
/// caller must finish `writer`.
absl::StatusOr<MergeCounts> MergeRuns(const std::vector<RunFile>& files, const MergeEvents& events,
                                      RunFileWriter& writer);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_MERGE_RUNS_H_
