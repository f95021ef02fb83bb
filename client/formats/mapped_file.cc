#include "client/formats/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace calipers::client {

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  const auto close_file = absl::MakeCleanup([file] { close(file); });
  struct stat info = {};
  if (fstat(file, &info) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return MappedFile(path, info, {});
  void* const start = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (start == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("cannot map ", path));
  return MappedFile(path, info, {static_cast<const std::byte*>(start), size});
}

absl::Status MappedFile::CheckUnchanged() const {
  struct stat now = {};
  std::string change;
  if (stat(path_.c_str(), &now) != 0) {
    change = "it was removed";
  } else if (now.st_dev != info_.st_dev || now.st_ino != info_.st_ino) {
    change = "another file took its place";
  } else if (now.st_size != info_.st_size) {
    change = absl::StrCat("it had ", info_.st_size, " bytes, and has ", now.st_size);
  } else if (now.st_mtim.tv_sec != info_.st_mtim.tv_sec ||
             now.st_mtim.tv_nsec != info_.st_mtim.tv_nsec) {
    change = "it was written";
  } else {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(path_, " changed while it was read: ", change));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), info_(other.info_), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(info_, other.info_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace calipers::client
