#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DIRECTORY_LOCK_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DIRECTORY_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"

namespace calipers::server {

/// Locks a directory against other processes, and against other stores of this process, until the
/// destructor.
class DirectoryLock {
 public:
  /// FAILED_PRECONDITION if the directory is in use.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Acquire(
      std::shared_ptr<rocksdb::FileSystem> files, const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  DirectoryLock(std::shared_ptr<rocksdb::FileSystem> files, rocksdb::FileLock* lock)
      : files_(std::move(files)), lock_(lock) {}
  const std::shared_ptr<rocksdb::FileSystem> files_;
  rocksdb::FileLock* const lock_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DIRECTORY_LOCK_H_
