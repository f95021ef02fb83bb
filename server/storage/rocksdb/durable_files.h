#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_FILES_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

// Operations of the store on its own files. Except RemoveAll, they use RocksDB's file system, so
// that a file system with simulated failures affects them, too. Errors are those of FromDisk.

/// False if nothing exists at this path.
absl::StatusOr<bool> FileExists(rocksdb::FileSystem& files, const std::string& path);

/// The names in the directory except "." and ".."; empty if the directory does not exist.
absl::StatusOr<std::vector<std::string>> ListDirectory(rocksdb::FileSystem& files,
                                                       const std::string& directory);

/// Creates the directory if it does not exist, durably: its parent is synced.
absl::Status MakeDirectory(rocksdb::FileSystem& files, const std::string& directory);

absl::Status SyncDirectory(rocksdb::FileSystem& files, const std::string& directory);

/// Renames within one directory, durably.
absl::Status RenameDurably(rocksdb::FileSystem& files, const std::string& from,
                           const std::string& to);

/// Replaces the content of the file by `text`, completely or not at all, durably.
absl::Status WriteFileDurably(rocksdb::FileSystem& files, const std::string& path,
                              absl::string_view text);

/// Removes the file, or the directory with its content. UNAVAILABLE if this fails.
absl::Status RemoveAll(const std::string& path);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_FILES_H_
