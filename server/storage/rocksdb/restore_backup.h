#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_RESTORE_BACKUP_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_RESTORE_BACKUP_H_

#include <string>

#include "absl/status/status.h"

namespace calipers::server {

/// Makes `data_dir`, which is empty or not there, a data directory with what the backup
/// in the directory `from` holds, after every row of the copy was read: until then it is none.
/// FAILED_PRECONDITION if `from` is no backup or `data_dir` is not empty; DATA_LOSS if
/// the backup is damaged.
absl::Status RestoreBackup(const std::string& from, const std::string& data_dir);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_RESTORE_BACKUP_H_
