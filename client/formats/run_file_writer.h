#ifndef CALIPERS_CLIENT_FORMATS_RUN_FILE_WRITER_H_
#define CALIPERS_CLIENT_FORMATS_RUN_FILE_WRITER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calipers/v1/observation.pb.h"
#include "calipers/v1/session.pb.h"
#include "client/formats/offline_fold.h"
#include "client/formats/safetensors_writer.h"
#include "client/formats/series_columns.h"
#include "core/fold/observer.h"
#include "core/tensor/element.h"

namespace calipers::client {

/// Writes a run into one safetensors file, as docs/run-file.md has it: the series of every
/// session, and in the metadata what each was created with and what it answers. Sessions
/// come one after another, their records in the order of their indices; memory grows with
/// the number of sessions alone. Not thread-safe.
class RunFileWriter {
 public:
  /// `run` is its name, without "runs/". Errors as SafetensorsWriter::Create.
  static absl::StatusOr<std::unique_ptr<RunFileWriter>> Create(const std::string& path,
                                                               const std::string& run);

  /// Begins the session {module}/{base_name}, with this spec and seal. INVALID_ARGUMENT
  /// for a spec that no session has.
  absl::Status BeginSession(const std::string& session_id, const v1::Session& session);
  /// The session's next record. INVALID_ARGUMENT, naming both, if it is none, or does not
  /// fit those before it.
  absl::Status Add(const v1::SeriesRecord& record);
  /// The session is whole. `qparam_shape` is that of its min and max; it does not matter
  /// if no record has values. What it answers is folded from its records; where some were
  /// dropped it is `answer`, a server's, or without that none.
  absl::Status EndSession(const std::vector<std::int64_t>& qparam_shape,
                          std::optional<FoldedRange> answer = std::nullopt);

  /// Records of the session that is being written.
  std::int64_t size() const { return open_->columns.size(); }

  /// Writes the file and gives it its name. Errors as SafetensorsWriter::Finish.
  absl::Status Finish();

 private:
  // The session that is being written.
  struct Open {
    std::string id;
    v1::Session session;
    SeriesColumns columns;
    OfflineFold answer;
  };

  RunFileWriter(std::unique_ptr<SafetensorsWriter> file, const std::string& run);
  absl::Status WriteWhole(const char* name, const Elements& elements,
                          const std::vector<std::int64_t>& shape);

  std::unique_ptr<SafetensorsWriter> file_;
  std::map<std::string, std::string> metadata_;
  std::optional<Open> open_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_WRITER_H_
