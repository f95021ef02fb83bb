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

/// A file that RunFileWriter wrote, or another that is as docs/run-file.md says.
class RunFile {
 public:
  /// INVALID_ARGUMENT, naming the session and what is wrong with it, if the file is no run
  /// file of this version; every number in it that says where something lies or how much
  /// there is has been checked.
  static absl::StatusOr<RunFile> Open(const std::string& path);
  /// The same of bytes that outlive what is returned.
  static absl::StatusOr<RunFile> Parse(absl::Span<const std::byte> bytes);

  /// The run's name, without "runs/".
  const std::string& run() const { return run_; }
  /// By id.
  const std::vector<RunFileSession>& sessions() const { return sessions_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::string run_;
  std::vector<RunFileSession> sessions_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_H_
