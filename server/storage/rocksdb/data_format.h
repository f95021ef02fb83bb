#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

/// The format of the data directories that this version writes; docs/durability.md describes it.
inline constexpr int kDataFormat = 3;
/// The oldest format that this version reads. Format 2 has no facts rows, and a server that writes
/// it would not keep them up to date. Format 1, which was never released, had range deletions.
/// Reads no longer look for these (options.h).
inline constexpr int kOldestFormat = 2;

/// The format of a data directory; no value if `directory` is empty or does not exist.
/// FAILED_PRECONDITION if this version does not read the format, or if `directory` is not a data
/// directory.
absl::StatusOr<std::optional<int>> FormatOf(rocksdb::FileSystem& files,
                                            const std::string& directory);

/// Marks `directory` as a data directory of this format, durably.
absl::Status MarkDataDirectory(rocksdb::FileSystem& files, const std::string& directory);

/// The path where a restore builds the database before moving it to its place.
std::string UnfinishedRestore(const std::string& directory);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DATA_FORMAT_H_
