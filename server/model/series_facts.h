#ifndef CALIPERS_SERVER_MODEL_SERIES_FACTS_H_
#define CALIPERS_SERVER_MODEL_SERIES_FACTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor/dtype.h"
#include "server/model/index_set.h"
#include "server/model/names.h"
#include "server/model/series_counts.h"
#include "server/model/series_record.h"
#include "server/model/session_spec.h"

namespace calipers::server {

/// A series in numbers, of a fixed size: each put returns it.
struct SeriesSummary {
  std::int64_t count = 0;
  std::int64_t folded_count = 0;
  std::int64_t num_observations = 0;
  std::int64_t empty_batches = 0;
  /// Indices 0 .. contiguous_prefix - 1 are all there.
  BatchIndex contiguous_prefix = 0;
  /// The largest index plus one; 0 if there is none.
  BatchIndex end_index = 0;
  std::int64_t missing_range_count = 0;
  std::int64_t conflict_count = 0;
  /// Where the last checkpoint ends that was written; 0 if there is none.
  BatchIndex checkpoint_end = 0;
  std::optional<std::int64_t> sealed_count;

  friend bool operator==(const SeriesSummary&, const SeriesSummary&) = default;
};

/// What a record has to have in common with the others of its series.
struct RecordForm {
  Dtype dtype = Dtype::kF32;
  /// The tensor has no element, so that its qparam shape says nothing.
  bool empty = false;
  absl::Span<const std::int64_t> qparam_shape;
};

/// What the records of a series have in common, each absent while no record has fixed it.
struct SeriesForm {
  std::optional<Dtype> dtype;
  std::optional<absl::Span<const std::int64_t>> qparam_shape;
};

/// Everything that is known of a series without reading its records. A store owns it;
/// everybody else has copies, which say how it was at one moment. Not thread-safe.
struct SeriesFacts {
  IndexSet indices;
  SeriesCounts counts;
  /// Of the records; absent while there is none.
  std::optional<Dtype> dtype;
  /// Absent while every record is empty.
  std::optional<std::vector<std::int64_t>> qparam_shape;
  /// Records refused because their index held another one, since the store was opened.
  std::int64_t conflict_count = 0;
  /// Where the last checkpoint ends that was written; 0 if there is none.
  BatchIndex checkpoint_end = 0;
  std::optional<std::int64_t> sealed_count;
  /// Why the records cannot be counted, if they cannot: then no more than conflict_count and
  /// sealed_count is known.
  absl::Status problem;

  /// Takes in a record, which fits, under an index that is free. `record_shape` is the
  /// qparam shape of its view; not used if the record is empty.
  void Add(const SessionSpec& spec, BatchIndex index, const SeriesRecord& observed,
           absl::Span<const std::int64_t> record_shape);

  SeriesSummary Summary() const;
  /// Points into this.
  SeriesForm Form() const;
};

/// OK, or INVALID_ARGUMENT if a series of this form takes no such record. `session` is for
/// the message.
absl::Status CheckFits(const SessionName& session, const SeriesForm& series,
                       const RecordForm& record);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_SERIES_FACTS_H_
