#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DEFERRED_DELETE_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DEFERRED_DELETE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/write_batch.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/keys.h"

namespace calipers::server {

// A run, or a long series, goes in two steps. One write takes away what it is found by and
// puts a row with a key of RemovalKey: from then on nobody reads its rows, and ids are never
// given again. Then those rows go, some at a time and beside all other work, and with the last
// of them the removal's own. What a crash leaves of the second step is done at the next start.
//
// RocksDB has deletions of ranges, which are one step. But an iterator of RocksDB 7.8 that
// skips such a range may forget that a block before it could not be read, and pass over the
// block's rows without a word (facebook/rocksdb#11786), and one that as much as looks for them
// may take a level for ended (#11782): damage would be an answer. So there must be none in the
// database, and nothing that reads looks for any (options.h).

/// Has the batch say that rows remain. `key` is a RemovalKey.
void PutRemoval(absl::string_view key, rocksdb::WriteBatch& batch);

/// DATA_LOSS, naming the row, if it is no removal.
absl::Status CheckRemoval(absl::string_view key, absl::string_view body);

/// The run, if the removal is of a whole one.
std::optional<RunId> RunOfRemoval(absl::string_view key);

/// The keys of all removals that are not done.
absl::StatusOr<std::vector<std::string>> PendingRemovals(const Database& database);

/// Takes the remaining rows away. Where that fails they stay until the next start.
absl::Status FinishRemoval(Database& database, absl::string_view key);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DEFERRED_DELETE_H_
