#ifndef CALIPERS_SERVER_SESSION_ANSWERS_H_
#define CALIPERS_SERVER_SESSION_ANSWERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "core/fold/folded_range.h"
#include "core/reduce/coarsening.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element.h"
#include "server/model/index_set.h"
#include "server/model/series_counts.h"

namespace calipers::server {

// What a session is asked and what it answers.

/// How far a series has come; calipers.v1.Progress says what each means.
struct Progress {
  std::int64_t count = 0;
  std::int64_t folded_count = 0;
  BatchIndex contiguous_prefix = 0;
  BatchIndex end_index = 0;
  std::vector<IndexRange> missing;
  std::int64_t missing_range_count = 0;
  std::int64_t num_observations = 0;
  std::int64_t conflict_count = 0;
};

/// A session at one moment.
struct SessionSnapshot {
  Progress progress;
  std::optional<Dtype> observed_dtype;
  std::optional<std::vector<std::int64_t>> qparam_shape;
  std::optional<std::int64_t> sealed_count;
  /// DATA_LOSS if the records cannot be read.
  absl::Status problem;
};

/// What a session answers; calipers.v1.MinMax says what each means.
struct MinMaxAnswer {
  std::vector<std::int64_t> qparam_shape;
  FoldedRange folded;
  ElementRange current;
  ElementRange current_global;
  Progress progress;
};

struct SessionCoverage {
  Tally total;
  std::int64_t empty_batches = 0;
  absl::btree_map<std::string, Tally> workers;
};

/// Another fold than the session's own.
struct FoldRequest {
  /// Empty: the session's.
  std::string observer;
  std::optional<double> averaging_constant;
  std::vector<IndexRange> exclude;
  /// Of each record, before it is folded; of records with the session's qparam shape.
  std::optional<Coarsening> coarsening = {};
};

/// What many averaging constants give.
struct SweepAnswer {
  std::vector<std::int64_t> qparam_shape;
  std::vector<FoldedRange> folded;  // one a constant
  Progress progress;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_ANSWERS_H_
