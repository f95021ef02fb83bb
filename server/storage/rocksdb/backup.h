#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_BACKUP_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_BACKUP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/store.h"

namespace calipers::server {

/// As Store::CreateBackup. A backup lies in the data directory's backups/, by its name,
/// and is itself laid out as a data directory. INVALID_ARGUMENT if `id` cannot be a name
/// there.
absl::StatusOr<Store::Backup> WriteBackup(Database& database, const std::string& id);

/// Removes what backups that were cut short left.
absl::Status RemoveUnfinishedBackups(const Database& database);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_BACKUP_H_
