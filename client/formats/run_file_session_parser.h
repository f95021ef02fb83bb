#ifndef CALIPERS_CLIENT_FORMATS_RUN_FILE_SESSION_PARSER_H_
#define CALIPERS_CLIENT_FORMATS_RUN_FILE_SESSION_PARSER_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/formats/int64_column.h"
#include "client/formats/run_file_session.h"
#include "client/formats/safetensors.h"
#include "core/tensor/dtype.h"

namespace calipers::client {

/// The tensors of a file, by name.
using TensorsByName = absl::flat_hash_map<std::string, TensorView>;

/// Reads one session of a run file, and checks that its parts agree.
class RunFileSessionParser {
 public:
  /// `tensors` must outlive the parser. With `has_checksum`, a session without a checksum is
  /// refused.
  RunFileSessionParser(const TensorsByName* tensors, std::string id, bool has_checksum)
      : tensors_(tensors), has_checksum_(has_checksum) {
    session_.id_ = std::move(id);
  }

  /// `metadata` is the value of the session's id in the file's metadata.
  absl::StatusOr<RunFileSession> Parse(const std::string& metadata) &&;

 private:
  absl::Status ParseMetadata(const nlohmann::json& parsed);
  absl::Status ParseWorkers(const nlohmann::json& workers);
  absl::Status ParseColumns();
  absl::Status ParseValues(Dtype dtype, std::int64_t count);
  absl::Status ParseStatistics(std::int64_t count);
  absl::Status CheckNumbers() const;
  // Compares the session's tensors and its metadata with the checksum. Earlier versions wrote none.
  absl::Status CheckChecksum(const nlohmann::json& metadata) const;
  // Compares every record that has its values with its digest.
  absl::Status CheckDigests() const;
  bool AnyHasElements() const;

  // Finds the tensor of this name. INVALID_ARGUMENT if it does not exist or has another dtype, or
  // another shape if a shape is given.
  absl::StatusOr<TensorView> Find(absl::string_view name, absl::string_view dtype) const;
  absl::StatusOr<absl::Span<const std::byte>> Find(absl::string_view name, Dtype dtype,
                                                   const std::vector<std::int64_t>& shape) const;
  absl::StatusOr<Int64Column> FindNumbers(absl::string_view name, std::int64_t size) const;

  const TensorsByName* tensors_;
  const bool has_checksum_;
  RunFileSession session_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_SESSION_PARSER_H_
