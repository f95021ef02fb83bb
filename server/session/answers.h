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
#include "core/reduce/statistic_values.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element.h"
#include "server/model/coverage.h"
#include "server/model/index_set.h"

namespace calipers::server {

// The requests to a session, and its answers.

/// The progress of a series. calipers.v1.Progress describes the fields.
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

/// The state of a session at one moment.
struct SessionSnapshot {
  Progress progress;
  std::optional<Dtype> observed_dtype;
  std::optional<std::vector<std::int64_t>> qparam_shape;
  std::optional<std::int64_t> sealed_count;
  /// DATA_LOSS if the records cannot be read.
  absl::Status problem;
};

/// A session's answer. calipers.v1.MinMax describes the fields.
struct MinMaxAnswer {
  std::vector<std::int64_t> qparam_shape;
  FoldedRange folded;
  ElementRange current;
  ElementRange current_global;
  Progress progress;
  /// The folds of the session's statistics, by name.
  std::vector<StatisticValue> statistics = {};
};

struct SessionCoverage {
  Tally total;
  std::int64_t empty_batches = 0;
  absl::btree_map<std::string, Tally> workers;
};

/// A request for a fold other than the session's own.
struct FoldRequest {
  /// Empty: the session's observer.
  std::string observer;
  std::optional<double> averaging_constant;
  std::vector<IndexRange> exclude;
  /// Applied to each record before it is folded. Made for the session's qparam shape.
  std::optional<Coarsening> coarsening = {};
};

/// The moving averages for many averaging constants.
struct SweepAnswer {
  std::vector<std::int64_t> qparam_shape;
  std::vector<FoldedRange> folded;  // one for each constant
  Progress progress;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_ANSWERS_H_
