#include "server/storage/rocksdb/rocksdb_status.h"

#include "absl/strings/str_cat.h"

namespace calipers::server {

absl::Status FromDisk(const rocksdb::Status& status, absl::string_view doing,
                      const std::string& directory) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsNoSpace()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the disk of ", directory,
                     " is full: free space or move the data directory; what was acknowledged is "
                     "safe, send the rest again"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(absl::StrCat(doing, " ", directory, " failed: ", status.ToString(),
                                            ": check the disk, and restore a backup"));
  }
  return absl::UnavailableError(
      absl::StrCat(doing, " ", directory, " failed: ", status.ToString(),
                   ": check the disk and who may write to the directory; what was acknowledged "
                   "is safe, send the rest again"));
}

}  // namespace calipers::server
