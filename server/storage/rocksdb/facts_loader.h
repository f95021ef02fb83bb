#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_FACTS_LOADER_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_FACTS_LOADER_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/model/series_facts.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/live_series.h"

namespace calipers::server {

// These functions read the facts of a series from the database if they are not in memory. They
// start from the facts row and add the records that were put after it was written. Without a facts
// row they start from the checkpoint. They may wait for a device. A damaged row gives DATA_LOSS,
// which is remembered.

/// Loads the facts into memory. They stay there until a write to the series fails.
absl::Status LoadFacts(const Database& database, LiveSeries& series)
    ABSL_LOCKS_EXCLUDED(series.load_mu);

/// A copy of the facts.
absl::StatusOr<SeriesFacts> FetchFacts(const Database& database, LiveSeries& series)
    ABSL_LOCKS_EXCLUDED(series.load_mu);
absl::StatusOr<SeriesFacts> FetchFactsLocked(const Database& database, LiveSeries& series)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(series.load_mu);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_FACTS_LOADER_H_
