#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_CHECKPOINT_WRITER_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_CHECKPOINT_WRITER_H_

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/live_series.h"
#include "server/storage/store.h"

namespace calipers::server {

/// The series' checkpoint; nothing if there is none. DATA_LOSS if it cannot be read.
absl::StatusOr<std::optional<Checkpoint>> FetchCheckpoint(const Database& database,
                                                          const LiveSeries& series);

/// As Store::WriteCheckpoint, one at a time. FAILED_PRECONDITION if values were dropped
/// that neither it nor a record would have any more.
absl::Status StoreCheckpoint(Database& database, LiveSeries& series, const Checkpoint& checkpoint,
                             bool drop_values) ABSL_LOCKS_EXCLUDED(series.load_mu);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_CHECKPOINT_WRITER_H_
