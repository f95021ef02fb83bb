#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_FILES_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

// What the store does with files itself, on RocksDB's file system, so that whatever that
// is made to do holds for these too. Errors are FromDisk's.

/// False if there is none of this path.
absl::StatusOr<bool> FileExists(rocksdb::FileSystem& files, const std::string& path);

/// Names in the directory, but "." and ".."; none if it is not there.
absl::StatusOr<std::vector<std::string>> ListDirectory(rocksdb::FileSystem& files,
                                                       const std::string& directory);

/// Makes the directory unless it is there, durably: its parent is synced.
absl::Status MakeDirectory(rocksdb::FileSystem& files, const std::string& directory);

absl::Status SyncDirectory(rocksdb::FileSystem& files, const std::string& directory);

/// Renames within one directory, durably.
absl::Status RenameDurably(rocksdb::FileSystem& files, const std::string& from,
                           const std::string& to);

/// Puts `text` in place of the file's content, as a whole or not at all, durably.
absl::Status WriteFileDurably(rocksdb::FileSystem& files, const std::string& path,
                              absl::string_view text);

/// Removes the file or directory with all in it.
absl::Status RemoveAll(const std::string& path);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_FILES_H_
