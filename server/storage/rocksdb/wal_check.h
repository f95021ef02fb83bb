#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_WAL_CHECK_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_WAL_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

/// Looks for hidden damage in the write-ahead logs and the manifest of `directory`, before RocksDB
/// opens it. RocksDB treats such damage as the end of the file, and drops the rest of the file
/// without an error. The cause can be a flipped bit in the length or the kind of a record. A write
/// that a crash interrupted has the same effect, but is not damage.
///
/// DATA_LOSS, naming the file and the byte, if there is such damage. Damage that RocksDB itself
/// detects is left to RocksDB.
absl::Status CheckWals(rocksdb::FileSystem& file_system, const std::string& directory);

/// The same check for the content of one log.
absl::Status CheckWal(absl::string_view name, absl::string_view content);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_WAL_CHECK_H_
