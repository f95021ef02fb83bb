#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_VERIFY_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_VERIFY_H_

#include <string>

#include "absl/status/status.h"

namespace calipers::server {

/// Reads every row of the database in the directory `path`, without changing it. DATA_LOSS, naming
/// the row, at the first damaged row.
absl::Status VerifyDatabase(const std::string& path);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_VERIFY_H_
