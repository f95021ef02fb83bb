#include "server/storage/rocksdb/durable_files.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/rocksdb_status.h"

namespace calipers::server {
namespace {

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

}  // namespace

absl::StatusOr<bool> FileExists(rocksdb::FileSystem& files, const std::string& path) {
  const rocksdb::IOStatus status = files.FileExists(path, {}, nullptr);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return FromDisk(status, "looking for", path);
}

absl::StatusOr<std::vector<std::string>> ListDirectory(rocksdb::FileSystem& files,
                                                       const std::string& directory) {
  std::vector<std::string> names;
  const rocksdb::IOStatus status = files.GetChildren(directory, {}, &names, nullptr);
  if (status.IsNotFound() || status.IsPathNotFound()) return std::vector<std::string>();
  RETURN_IF_ERROR(FromDisk(status, "listing", directory));
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](const std::string& name) { return name == "." || name == ".."; }),
              names.end());
  return names;
}

absl::Status MakeDirectory(rocksdb::FileSystem& files, const std::string& directory) {
  ASSIGN_OR_RETURN(const bool exists, FileExists(files, directory));
  if (exists) return absl::OkStatus();
  RETURN_IF_ERROR(FromDisk(files.CreateDirIfMissing(directory, {}, nullptr), "making", directory));
  return SyncDirectory(files, ParentOf(directory));
}

absl::Status SyncDirectory(rocksdb::FileSystem& files, const std::string& directory) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  RETURN_IF_ERROR(
      FromDisk(files.NewDirectory(directory, {}, &opened, nullptr), "opening", directory));
  return FromDisk(opened->Fsync({}, nullptr), "syncing", directory);
}

absl::Status RenameDurably(rocksdb::FileSystem& files, const std::string& from,
                           const std::string& to) {
  RETURN_IF_ERROR(FromDisk(files.RenameFile(from, to, {}, nullptr), "renaming to", to));
  return SyncDirectory(files, ParentOf(to));
}

absl::Status WriteFileDurably(rocksdb::FileSystem& files, const std::string& path,
                              absl::string_view text) {
  const std::string unfinished = path + ".tmp";
  RETURN_IF_ERROR(FromDisk(rocksdb::WriteStringToFile(&files, {text.data(), text.size()},
                                                      unfinished, /*should_sync=*/true),
                           "writing", path));
  return RenameDurably(files, unfinished, path);
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("removing ", path, " failed: ", error.message(), ": remove it by hand"));
}

}  // namespace calipers::server
