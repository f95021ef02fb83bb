#ifndef CALIPERS_SERVER_MODEL_SERIES_FACTS_H_
#define CALIPERS_SERVER_MODEL_SERIES_FACTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor/dtype.h"
#include "server/model/coverage.h"
#include "server/model/index_set.h"
#include "server/model/names.h"
#include "server/model/series_record.h"
#include "server/model/session_spec.h"

namespace calipers::server {

/// The numbers of a series. Each put returns them, so they have a fixed size.
struct SeriesSummary {
  std::int64_t count = 0;
  std::int64_t folded_count = 0;
  std::int64_t num_observations = 0;
  std::int64_t empty_batches = 0;
  /// The series holds all indices 0 .. contiguous_prefix - 1.
  BatchIndex contiguous_prefix = 0;
  /// The largest index plus one; 0 if the series is empty.
  BatchIndex end_index = 0;
  std::int64_t missing_range_count = 0;
  std::int64_t conflict_count = 0;
  /// The end of the latest written checkpoint; 0 if the series has no checkpoint.
  BatchIndex checkpoint_end = 0;
  std::optional<std::int64_t> sealed_count;

  friend bool operator==(const SeriesSummary&, const SeriesSummary&) = default;
};

/// The properties in which all records of a series agree, for one record.
struct RecordForm {
  Dtype dtype = Dtype::kF32;
  /// True if the tensor has no elements. Then it fits every series.
  bool empty = false;
  absl::Span<const std::int64_t> qparam_shape;
};

/// The same properties for a series. They are absent until a record with elements has fixed them.
struct SeriesForm {
  std::optional<Dtype> dtype;
  std::optional<absl::Span<const std::int64_t>> qparam_shape;
};

/// Everything that is known about a series without reading its records. The store owns the facts;
/// all others have copies, which show the series at one moment. Not thread-safe.
struct SeriesFacts {
  IndexSet indices;
  SeriesCoverage coverage;
  /// The dtype and the qparam shape of all records that have elements; absent if there are none.
  std::optional<Dtype> dtype;
  std::optional<std::vector<std::int64_t>> qparam_shape;
  /// The number of records, since the store was opened, whose index held a different record.
  std::int64_t conflict_count = 0;
  /// The end of the latest written checkpoint; 0 if the series has no checkpoint.
  BatchIndex checkpoint_end = 0;
  std::optional<std::int64_t> sealed_count;
  /// Not OK if the records cannot be counted. Then only conflict_count and sealed_count are valid.
  absl::Status problem;

  /// Adds a record that fits, at an index that is free. `record_shape` is the qparam shape of the
  /// record's view; it is not used if the record is empty.
  void Add(const SessionSpec& spec, BatchIndex index, const SeriesRecord& observed,
           absl::Span<const std::int64_t> record_shape);

  SeriesSummary Summary() const;
  /// The result points into this object.
  SeriesForm Form() const;
};

/// INVALID_ARGUMENT if a series of this form does not accept such a record. `session` is used in
/// the message.
absl::Status CheckFits(const SessionName& session, const SeriesForm& series,
                       const RecordForm& record);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_SERIES_FACTS_H_
