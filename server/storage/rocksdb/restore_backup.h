#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_RESTORE_BACKUP_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_RESTORE_BACKUP_H_

#include <string>

#include "absl/status/status.h"

namespace calipers::server {

/// Copies the backup in the directory `from` into `data_dir`, which must be empty or not exist.
/// Reads every row of the copy, and only then makes `data_dir` a data directory.
/// FAILED_PRECONDITION if `from` is not a backup or `data_dir` is not empty; DATA_LOSS if the
/// backup is damaged.
absl::Status RestoreBackup(const std::string& from, const std::string& data_dir);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_RESTORE_BACKUP_H_
