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

/// What became of the records of several files.
struct MergeCounts {
  std::int64_t sessions = 0;    // written
  std::int64_t records = 0;     // written
  std::int64_t duplicates = 0;  // the same as one that was written
  std::int64_t conflicts = 0;   // differ from one that was written, and were left out
  std::int64_t rejected = 0;    // beyond the seal of their session, or of a session left out
};

/// What a merge tells of while it goes on.
struct MergeEvents {
  /// Of a conflict, a rejected record or a session of a file that was left out, in words.
  std::function<void(std::string)> refused;
  /// Records gone through so far.
  std::function<void(std::int64_t)> progress;
};

/// Writes what a server would hold that had imported the files one after another: of every
/// session the records of all, each index once. Of records that differ the one of the
/// first file stays. A file's session that has another spec, dtype, shape or seal than the
/// first file's is left out whole. An error is one of `writer`, which is to be finished.
absl::StatusOr<MergeCounts> MergeRuns(const std::vector<RunFile>& files, const MergeEvents& events,
                                      RunFileWriter& writer);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_MERGE_RUNS_H_
