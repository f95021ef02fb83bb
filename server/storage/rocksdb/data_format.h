#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

/// The layout of a data directory that this version writes and reads; docs/durability.md
/// describes it. Format 1, which was never released, had deletions of ranges, which are not
/// looked for any more (options.h).
inline constexpr int kDataFormat = 2;

/// True if `directory` says that it is a data directory of a format that this version
/// reads; false if it is empty or not there. FAILED_PRECONDITION if it is of a newer
/// format, or no data directory.
absl::StatusOr<bool> IsDataDirectory(rocksdb::FileSystem& files, const std::string& directory);

/// Makes it say so, durably.
absl::Status MarkDataDirectory(rocksdb::FileSystem& files, const std::string& directory);

/// Where a restore gathers a database before the directory gets it.
std::string UnfinishedRestore(const std::string& directory);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_
