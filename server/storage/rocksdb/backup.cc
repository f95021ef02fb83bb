#include "server/storage/rocksdb/backup.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/data_format.h"
#include "server/storage/rocksdb/durable_files.h"
#include "server/storage/rocksdb/rocksdb_status.h"

namespace calipers::server {
namespace {

constexpr std::size_t kLongestId = 128;
constexpr absl::string_view kUnfinished = ".part";

std::string BackupsPath(const std::string& directory) { return directory + "/backups"; }

absl::Status CheckId(const std::string& id) {
  const bool characters = std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
  if (characters && !id.empty() && id.size() <= kLongestId && id[0] != '.' &&
      !absl::EndsWith(id, kUnfinished)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "backup_id is \"", absl::CHexEscape(id.substr(0, kLongestId)), "\"; it has 1 to ", kLongestId,
      " characters of [A-Za-z0-9._-], must not begin with \".\" and must not end with \"",
      kUnfinished, "\""));
}

absl::StatusOr<std::int64_t> BytesIn(rocksdb::FileSystem& files, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(files, directory));
  std::int64_t bytes = 0;
  for (const std::string& name : names) {
    std::uint64_t size = 0;
    RETURN_IF_ERROR(
        FromDisk(files.GetFileSize(absl::StrCat(directory, "/", name), {}, &size, nullptr),
                 "reading", directory));
    bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

absl::Status Fill(Database& database, const std::string& path) {
  rocksdb::FileSystem& files = database.files();
  RETURN_IF_ERROR(MakeDirectory(files, path));
  RETURN_IF_ERROR(database.CopyTo(path + "/db"));
  return MarkDataDirectory(files, path);
}

}  // namespace

absl::StatusOr<Store::Backup> WriteBackup(Database& database, const std::string& id) {
  RETURN_IF_ERROR(CheckId(id));
  rocksdb::FileSystem& files = database.files();
  const std::string backups = BackupsPath(database.directory());
  RETURN_IF_ERROR(MakeDirectory(files, backups));
  const std::string path = absl::StrCat(backups, "/", id);
  ASSIGN_OR_RETURN(const bool exists, FileExists(files, path));
  if (exists) {
    return absl::AlreadyExistsError(
        absl::StrCat("backup ", path, " already exists (give another backup_id)"));
  }
  const std::string unfinished = absl::StrCat(path, kUnfinished);
  RETURN_IF_ERROR(RemoveAll(unfinished));
  absl::Status status = Fill(database, unfinished);
  if (status.ok()) status = RenameDurably(files, unfinished, path);
  if (!status.ok()) {
    RemoveAll(unfinished).IgnoreError();
    return status;
  }
  ASSIGN_OR_RETURN(const std::int64_t bytes, BytesIn(files, path + "/db"));
  return Store::Backup{path, bytes};
}

absl::Status RemoveUnfinishedBackups(const Database& database) {
  const std::string backups = BackupsPath(database.directory());
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(database.files(), backups));
  for (const std::string& name : names) {
    if (absl::EndsWith(name, kUnfinished))
      RETURN_IF_ERROR(RemoveAll(absl::StrCat(backups, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace calipers::server
