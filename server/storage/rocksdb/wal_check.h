#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_WAL_CHECK_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_WAL_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

/// Before RocksDB opens `directory`: looks for damage in its write-ahead logs and its
/// manifest that RocksDB would take for the end of the file and pass over without a
/// word, with everything behind it. A bit that flips in the length or the kind of a
/// record does that; so does a write that a crash cut short, which is no damage.
///
/// DATA_LOSS, naming the file and the byte, if there is such damage; what RocksDB
/// itself detects is left to it.
absl::Status CheckWals(rocksdb::FileSystem& file_system, const std::string& directory);

/// The same for the content of one log.
absl::Status CheckWal(absl::string_view name, absl::string_view content);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_WAL_CHECK_H_
