#include "server/storage/rocksdb/rocksdb_status.h"

#include "absl/strings/str_cat.h"

namespace calipers::server {

absl::Status FromDisk(const rocksdb::Status& status, absl::string_view doing,
                      const std::string& directory) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsNoSpace()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the disk of ", directory,
                     " is full: free space or move the data directory; acknowledged records are "
                     "safe, send the others again"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(absl::StrCat(doing, " ", directory, " failed: ", status.ToString(),
                                            ": check the disk, and restore a backup"));
  }
  return absl::UnavailableError(
      absl::StrCat(doing, " ", directory, " failed: ", status.ToString(),
                   ": check the disk and the directory's permissions; acknowledged records are "
                   "safe, send the others again"));
}

}  // namespace calipers::server
