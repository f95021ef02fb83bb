#ifndef CALIPERS_CLIENT_FORMATS_RUN_FILE_H_
#define CALIPERS_CLIENT_FORMATS_RUN_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/formats/mapped_file.h"
#include "client/formats/run_file_session.h"

namespace calipers::client {

/// A file in the format of docs/run-file.md, from RunFileWriter or from another program.
class RunFile {
 public:
  /// Opens a run file and checks all offsets and counts in it. INVALID_ARGUMENT if it is not a run
  /// file of this version. If a session is at fault, the message names the session and its fault.
  static absl::StatusOr<RunFile> Open(const std::string& path);
  /// Same as Open, for bytes that must outlive the result.
  static absl::StatusOr<RunFile> Parse(absl::Span<const std::byte> bytes);

  /// As MappedFile::CheckUnchanged, for a file that was opened.
  absl::Status CheckUnchanged() const;

  /// The run's name, without "runs/".
  const std::string& run() const { return run_; }
  /// Sorted by id.
  const std::vector<RunFileSession>& sessions() const { return sessions_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::string run_;
  std::vector<RunFileSession> sessions_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_H_
