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

/// Writes a series to a safetensors file, as the tensors of docs/run-file.md: one row for each
/// record. Not thread-safe.
class SeriesColumns {
 public:
  /// `file` must outlive the object. The names of the tensors begin with `session_id`.
  static absl::StatusOr<SeriesColumns> Make(SafetensorsWriter* file, std::string session_id);

  /// Adds the series' next record. INVALID_ARGUMENT if its dtype or its statistics differ from the
  /// records before it.
  absl::Status Add(const v1::SeriesRecord& record);

  /// Ends the tensors. `qparam_shape` is the shape of a record's min; it does not matter if no
  /// record has values.
  absl::Status End(const std::vector<std::int64_t>& qparam_shape);

  /// Number of records so far.
  std::int64_t size() const { return size_; }
  /// The dtype of all records; empty before the first record.
  const std::string& dtype() const { return dtype_; }
  /// Names of workers. A worker's number is its position.
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
  // min, max, global_min and global_max; begun with the first record that has values.
  std::array<Column, 4> values_ = {};
  // The concatenated values of one statistic, and the end of each value.
  struct StatisticColumns {
    std::string name;
    Column values;
    Column ends;
    std::int64_t bytes = 0;
  };
  // In the order of the first record that has values; begun with that record.
  std::vector<StatisticColumns> statistics_;
  std::string dtype_;
  bool has_elements_ = false;
  std::int64_t size_ = 0;
  std::int64_t size_with_values_ = 0;
  std::int64_t dimensions_ = 0;
  std::vector<std::string> workers_;
  absl::flat_hash_map<std::string, std::int64_t> worker_numbers_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_SERIES_COLUMNS_H_
