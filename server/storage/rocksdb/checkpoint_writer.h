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

/// Reads the checkpoint of the series. nullopt if the series has no checkpoint; DATA_LOSS if the
/// checkpoint is damaged.
absl::StatusOr<std::optional<Checkpoint>> FetchCheckpoint(const Database& database,
                                                          const LiveSeries& series);

/// See Store::WriteCheckpoint. The store calls it for one checkpoint at a time. FAILED_PRECONDITION
/// if values behind the end of the checkpoint were already dropped, because these values would then
/// be lost.
absl::Status StoreCheckpoint(Database& database, LiveSeries& series, const Checkpoint& checkpoint,
                             bool drop_values) ABSL_LOCKS_EXCLUDED(series.load_mu);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_CHECKPOINT_WRITER_H_
