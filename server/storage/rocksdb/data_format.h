#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

/// The format of the data directories that this version writes and reads; docs/durability.md
/// describes it. Format 1, which was never released, had range deletions. Reads no longer look for
/// these (options.h).
inline constexpr int kDataFormat = 2;

/// True if `directory` is marked as a data directory of a format that this version reads; false if
/// it is empty or does not exist. FAILED_PRECONDITION if it has another format, or is not a data
/// directory.
absl::StatusOr<bool> IsDataDirectory(rocksdb::FileSystem& files, const std::string& directory);

/// Marks `directory` as a data directory of this format, durably.
absl::Status MarkDataDirectory(rocksdb::FileSystem& files, const std::string& directory);

/// The path where a restore builds the database before moving it to its place.
std::string UnfinishedRestore(const std::string& directory);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_
