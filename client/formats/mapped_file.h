#ifndef CALIPERS_CLIENT_FORMATS_MAPPED_FILE_H_
#define CALIPERS_CLIENT_FORMATS_MAPPED_FILE_H_

#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace calipers::client {

/// The bytes of a file, mapped for reading as long as the object exists. Movable.
class MappedFile {
 public:
  /// The status of the failed system call, such as NOT_FOUND or PERMISSION_DENIED, with the path.
  /// INVALID_ARGUMENT if the path is not a regular file.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  absl::Span<const std::byte> bytes() const { return bytes_; }

  /// DATA_LOSS, with the path and what changed, if the file was written, cut off, replaced
  /// or removed since Open. Mapped bytes follow the file: a part that was cut off reads as zeros,
  /// or ends the program.
  absl::Status CheckUnchanged() const;

 private:
  MappedFile(std::string path, const struct stat& info, absl::Span<const std::byte> bytes)
      : path_(std::move(path)), info_(info), bytes_(bytes) {}

  std::string path_;
  struct stat info_;
  absl::Span<const std::byte> bytes_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_MAPPED_FILE_H_
