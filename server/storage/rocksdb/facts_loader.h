#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_FACTS_LOADER_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_FACTS_LOADER_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/model/series_facts.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/live_series.h"

namespace calipers::server {

// The facts of a series, read from the database if they are not in memory: its row of facts,
// and the records that were put since that was written; without a row, what the checkpoint
// counts, and all records beyond. These calls may wait for a device. DATA_LOSS, which is
// remembered, if a row is not as it was written.

/// Sees to it that the facts are in memory. They stay there until a write to the series fails.
absl::Status LoadFacts(const Database& database, LiveSeries& series)
    ABSL_LOCKS_EXCLUDED(series.load_mu);

/// A copy of the facts.
absl::StatusOr<SeriesFacts> FetchFacts(const Database& database, LiveSeries& series)
    ABSL_LOCKS_EXCLUDED(series.load_mu);
absl::StatusOr<SeriesFacts> FetchFactsLocked(const Database& database, LiveSeries& series)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(series.load_mu);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_FACTS_LOADER_H_
