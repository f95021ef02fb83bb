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

// A run or a series is deleted in two steps. The first step is one write: it removes the rows that
// lead to the data, and adds a row with a RemovalKey. After this write nobody reads the remaining
// rows, because ids are never used twice. The second step removes the remaining rows, some at a
// time and beside all other work, and then the removal row. If a crash interrupts the second step,
// the next start completes it.
//
// RocksDB has range deletions, which need only one step, but RocksDB 7.8 has two errors with them.
// An iterator that skips a deleted range may forget that it could not read a block before the
// range; it then passes over the rows of the block without an error (facebook/rocksdb#11786). An
// iterator that only looks for range deletions may treat a level as ended (#11782). With these
// errors, damage would change an answer. So the database has no range deletions, and no read looks
// for them (options.h).

/// Adds a removal row to the batch. `key` is a RemovalKey.
void PutRemoval(absl::string_view key, rocksdb::WriteBatch& batch);

/// DATA_LOSS, naming the row, if it is not a removal row.
absl::Status CheckRemoval(absl::string_view key, absl::string_view body);

/// The run, if the removal is that of a whole run; otherwise nullopt.
std::optional<RunId> RunOfRemoval(absl::string_view key);

/// The keys of all removals that are not complete.
absl::StatusOr<std::vector<std::string>> PendingRemovals(const Database& database);

/// Removes the remaining rows, and then the removal row. If this fails, the rows stay until the
/// next start.
absl::Status FinishRemoval(Database& database, absl::string_view key);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DEFERRED_DELETE_H_
