#ifndef CALIPERS_SERVER_MODEL_COVERAGE_H_
#define CALIPERS_SERVER_MODEL_COVERAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "core/tensor/dtype.h"
#include "server/model/series_record.h"
#include "server/model/session_spec.h"

namespace calipers::server {

/// The numbers of batches and tokens of one worker.
struct Tally {
  std::int64_t batches = 0;
  std::int64_t tokens = 0;

  /// Saturates, because clients choose the numbers of tokens in headers.
  void Add(const Tally& other);
};

/// The counts of records, which need no fold. At most 4,096 workers are counted separately; all
/// others count as the worker "(others)". Apart from this, the counts do not depend on the order of
/// the records. Not thread-safe.
struct SeriesCoverage {
  std::int64_t count = 0;
  std::int64_t folded_count = 0;
  std::int64_t num_observations = 0;
  std::int64_t empty_batches = 0;
  absl::btree_map<std::string, Tally> workers;

  void Add(const SessionSpec& spec, const SeriesRecord& observed);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_COVERAGE_H_
