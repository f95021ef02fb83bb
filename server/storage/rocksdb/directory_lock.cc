#include "server/storage/rocksdb/directory_lock.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/storage/rocksdb/rocksdb_status.h"

namespace calipers::server {

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(
    std::shared_ptr<rocksdb::FileSystem> files, const std::string& directory) {
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::IOStatus status = files->LockFile(directory + "/LOCK", {}, &lock, nullptr);
  if (status.ok()) {
    return std::unique_ptr<DirectoryLock>(new DirectoryLock(std::move(files), lock));
  }
  // RocksDB has no status code for a held lock. It is an I/O error, and only its text tells the
  // reason.
  const std::string text = status.ToString();
  if (absl::StrContains(text, "While lock file") || absl::StrContains(text, "lock hold by")) {
    return absl::FailedPreconditionError(absl::StrCat(
        directory, " is in use by another server: stop that server, or give another directory"));
  }
  return FromDisk(status, "locking", directory);
}

DirectoryLock::~DirectoryLock() { files_->UnlockFile(lock_, {}, nullptr).PermitUncheckedError(); }

}  // namespace calipers::server
