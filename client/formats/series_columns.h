#ifndef CALIPERS_CLIENT_FORMATS_SERIES_COLUMNS_H_
#define CALIPERS_CLIENT_FORMATS_SERIES_COLUMNS_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "calipers/v1/observation.pb.h"
#include "client/formats/safetensors_writer.h"

namespace calipers::client {

/// A series on its way into a safetensors file, as the tensors that docs/run-file.md names:
/// a row a record. Not thread-safe.
class SeriesColumns {
 public:
  /// `file` outlives it. The tensors' names begin with `session_id`.
  static absl::StatusOr<SeriesColumns> Make(SafetensorsWriter* file, std::string session_id);

  /// The series' next record. INVALID_ARGUMENT if it is not of the dtype of those before.
  absl::Status Add(const v1::SeriesRecord& record);

  /// Ends the tensors. `qparam_shape` is that of a record's min; without values it does not
  /// matter.
  absl::Status End(const std::vector<std::int64_t>& qparam_shape);

  /// Records so far.
  std::int64_t size() const { return size_; }
  /// Of all records; empty before the first.
  const std::string& dtype() const { return dtype_; }
  /// Names of workers, in the order of their numbers.
  const std::vector<std::string>& workers() const { return workers_; }

 private:
  using Column = SafetensorsWriter::Tensor*;

  SeriesColumns(SafetensorsWriter* file, std::string session_id)
      : file_(file), session_id_(std::move(session_id)) {}
  absl::Status AddNumber(Column column, std::int64_t number);
  absl::Status AddValues(const v1::ReducedObservation& observation);
  absl::Status AddStatistics(const v1::ReducedObservation& observation);
  absl::Status EndStatistics();
  absl::Status EndColumn(Column column, absl::string_view name,
                         const std::vector<std::int64_t>& shape);

  SafetensorsWriter* file_;
  std::string session_id_;
  Column index_ = nullptr;
  Column num_observations_ = nullptr;
  Column worker_ = nullptr;
  Column rank_ = nullptr;
  Column shape_ = nullptr;
  Column digest_ = nullptr;
  Column has_values_ = nullptr;
  // min, max, global_min, global_max; begun with the first record that has them.
  std::array<Column, 4> values_ = {};
  // The values of one statistic, one behind the other, and where each of them ends.
  struct StatisticColumns {
    std::string name;
    Column values;
    Column ends;
    std::int64_t bytes = 0;
  };
  // By name; begun with the first record that has values.
  std::vector<StatisticColumns> statistics_;
  std::string dtype_;
  std::int64_t size_ = 0;
  std::int64_t size_with_values_ = 0;
  std::int64_t dimensions_ = 0;
  std::vector<std::string> workers_;
  absl::flat_hash_map<std::string, std::int64_t> worker_numbers_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_SERIES_COLUMNS_H_
