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

/// Writes a run to one safetensors file (docs/run-file.md): the series of every session, and in the
/// metadata the spec and the answer of each session. Sessions are written one after another, and
/// their records in index order. Memory grows only with the number of sessions. Not thread-safe.
class RunFileWriter {
 public:
  /// `run` is the run's name, without "runs/". Errors are those of SafetensorsWriter::Create.
  static absl::StatusOr<std::unique_ptr<RunFileWriter>> Create(const std::string& path,
                                                               const std::string& run);

  /// Begins a session with this spec and seal. `session_id` is {module}/{base_name}.
  /// INVALID_ARGUMENT if no session can have this spec.
  absl::Status BeginSession(const std::string& session_id, const v1::Session& session);
  /// Adds the session's next record. INVALID_ARGUMENT, naming the session and the record, if the
  /// record is malformed or does not fit the records before it.
  absl::Status Add(const v1::SeriesRecord& record);
  /// Ends the session. `qparam_shape` is the shape of its min and max; it does not matter if no
  /// record has values. The session's answer is folded from its records. If values were dropped,
  /// the answer is `answer`, which a server gave, or none.
  absl::Status EndSession(const std::vector<std::int64_t>& qparam_shape,
                          std::optional<FoldedRange> answer = std::nullopt);

  /// Number of records of the session that is being written.
  std::int64_t size() const { return open_->columns.size(); }

  /// Completes the file and gives it its name. Errors are those of SafetensorsWriter::Finish.
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
