#include "server/storage/rocksdb/restore_backup.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "rocksdb/file_system.h"
#include "server/storage/rocksdb/data_format.h"
#include "server/storage/rocksdb/directory_lock.h"
#include "server/storage/rocksdb/durable_files.h"
#include "server/storage/rocksdb/rocksdb_status.h"
#include "server/storage/rocksdb/verify.h"

namespace calipers::server {
namespace {

namespace fs = std::filesystem;

absl::Status CopyDurably(rocksdb::FileSystem& files, const std::string& from,
                         const std::string& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error == std::errc::no_space_on_device) {
    return FromDisk(rocksdb::Status::NoSpace(), "writing", to);
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("copying ", from, " to ", to, " failed: ", error.message(),
                     ": check both disks and the permissions of both directories"));
  }
  std::unique_ptr<rocksdb::FSWritableFile> copy;
  RETURN_IF_ERROR(FromDisk(files.ReopenWritableFile(to, {}, &copy, nullptr), "opening", to));
  RETURN_IF_ERROR(FromDisk(copy->Fsync({}, nullptr), "syncing", to));
  return FromDisk(copy->Close({}, nullptr), "closing", to);
}

absl::Status CopyDatabase(rocksdb::FileSystem& files, const std::string& from,
                          const std::string& to) {
  RETURN_IF_ERROR(MakeDirectory(files, to));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(files, from));
  for (const std::string& name : names) {
    if (name == "LOCK") continue;
    RETURN_IF_ERROR(CopyDurably(files, absl::StrCat(from, "/", name), absl::StrCat(to, "/", name)));
  }
  return SyncDirectory(files, to);
}

absl::Status CheckBackup(rocksdb::FileSystem& files, const std::string& from) {
  ASSIGN_OR_RETURN(const std::optional<int> format, FormatOf(files, from));
  ASSIGN_OR_RETURN(const bool has_database, FileExists(files, from + "/db/CURRENT"));
  if (format && has_database) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(from, " holds no backup (give a directory in backups/ of a data directory)"));
}

absl::Status Fill(rocksdb::FileSystem& files, const std::string& from,
                  const std::string& data_dir) {
  const std::string unfinished = UnfinishedRestore(data_dir);
  RETURN_IF_ERROR(RemoveAll(unfinished));
  absl::Status status = CopyDatabase(files, from + "/db", unfinished);
  if (status.ok()) status = VerifyDatabase(unfinished);
  if (!status.ok()) {
    RemoveAll(unfinished).IgnoreError();
    return status;
  }
  RETURN_IF_ERROR(RenameDurably(files, unfinished, data_dir + "/db"));
  return MarkDataDirectory(files, data_dir);
}

}  // namespace

absl::Status RestoreBackup(const std::string& from, const std::string& data_dir) {
  const std::shared_ptr<rocksdb::FileSystem> files = rocksdb::FileSystem::Default();
  RETURN_IF_ERROR(CheckBackup(*files, from));
  ASSIGN_OR_RETURN(const std::optional<int> format, FormatOf(*files, data_dir));
  if (format) {
    return absl::FailedPreconditionError(absl::StrCat(
        data_dir, " already holds data: restore into an empty directory, or move the data away"));
  }
  RETURN_IF_ERROR(MakeDirectory(*files, data_dir));
  ASSIGN_OR_RETURN(const auto lock, DirectoryLock::Acquire(files, data_dir));
  return Fill(*files, from, data_dir);
}

}  // namespace calipers::server
