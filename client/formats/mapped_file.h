#ifndef CALIPERS_CLIENT_FORMATS_MAPPED_FILE_H_
#define CALIPERS_CLIENT_FORMATS_MAPPED_FILE_H_

#include <cstddef>
#include <string>

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

 private:
  explicit MappedFile(absl::Span<const std::byte> bytes) : bytes_(bytes) {}
  absl::Span<const std::byte> bytes_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_MAPPED_FILE_H_
