#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_BACKUP_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_BACKUP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/store.h"

namespace calipers::server {

/// See Store::CreateBackup. The backup is the directory backups/ID in the data directory, and has
/// the layout of a data directory. INVALID_ARGUMENT if `id` is not allowed as a name there.
absl::StatusOr<Store::Backup> WriteBackup(Database& database, const std::string& id);

/// Removes the directories of interrupted backups.
absl::Status RemoveUnfinishedBackups(const Database& database);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_BACKUP_H_
