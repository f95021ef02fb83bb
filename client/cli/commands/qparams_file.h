#ifndef CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_FILE_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_FILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calipers/v1/qparams.pb.h"
#include "client/formats/safetensors_writer.h"

namespace calipers::client {

/// A safetensors file of quantization parameters. Tensors have the names of compressed-tensors:
/// MODULE.weight_scale, MODULE.weight_zero_point, MODULE.weight_global_scale; the same with input,
/// output, q, k and v. The metadata lists the sessions that use a fallback range, the members of
/// groups that were left out, and the traps that occurred in the answers.
class QParamsFile {
 public:
  /// Fails with the status of SafetensorsWriter::Create if the file cannot be written.
  static absl::StatusOr<std::unique_ptr<QParamsFile>> Create(const std::string& path);

  /// Writes the tensors of `qparams` that are present.
  absl::Status Add(const v1::QParams& qparams);

  /// Writes the file with `metadata`. calipers_fallback, calipers_absent and calipers_notes are
  /// added, with the content of fallback(), absent() and notes(), if they are not empty.
  absl::Status Finish(std::map<std::string, std::string> metadata);

  /// Number of sessions with at least one tensor in the file.
  std::int64_t sessions() const { return sessions_; }
  std::int64_t tensors() const { return tensors_; }
  /// {MODULE/BASE_NAME: [MODULE/BASE_NAME of each peer whose range was used]}
  const nlohmann::ordered_json& fallback() const { return fallback_; }
  /// {MODULE/BASE_NAME: [MODULE/BASE_NAME of each member of its group that was left out]}
  const nlohmann::ordered_json& absent() const { return absent_; }
  /// {MODULE/BASE_NAME: [{"trap", "repaired", "count", "first", "text"}]}
  const nlohmann::ordered_json& notes() const { return notes_; }

 private:
  explicit QParamsFile(std::unique_ptr<SafetensorsWriter> writer) : writer_(std::move(writer)) {}
  absl::Status Write(const std::string& name, const v1::Tensor& tensor);

  const std::unique_ptr<SafetensorsWriter> writer_;
  std::int64_t sessions_ = 0;
  std::int64_t tensors_ = 0;
  nlohmann::ordered_json fallback_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json absent_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json notes_ = nlohmann::ordered_json::object();
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_FILE_H_
