#ifndef CALIPERS_CLIENT_FORMATS_SAFETENSORS_WRITER_H_
#define CALIPERS_CLIENT_FORMATS_SAFETENSORS_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/formats/checksum.h"
#include "core/tensor/dtype.h"

namespace calipers::client {

/// Writes a safetensors file with tensors whose length is unknown until their last element. Memory
/// does not grow with the tensors: each open tensor is written to an unnamed file beside the
/// target. Finish joins these files. The file gets its name when it is complete. Not thread-safe.
class SafetensorsWriter {
 public:
  /// A tensor that is being written.
  class Tensor;

  /// The status of the failed system call, such as NOT_FOUND or PERMISSION_DENIED, with the path,
  /// if no file can be written beside `path`.
  static absl::StatusOr<std::unique_ptr<SafetensorsWriter>> Create(std::string path);
  /// Without Finish, no file remains.
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  /// Begins a tensor. Several tensors may be open at once. The pointer is valid until its End.
  absl::StatusOr<Tensor*> Begin(Dtype dtype);
  /// Appends the tensor's next elements, little-endian.
  absl::Status Append(Tensor* tensor, absl::Span<const std::byte> elements);
  /// Ends the tensor. `name` must be unique; `shape` has the outermost dimension first.
  /// INVALID_ARGUMENT if the tensor has another number of elements.
  absl::Status End(Tensor* tensor, const std::string& name, const std::vector<std::int64_t>& shape);

  /// The checksums of the tensors that ended last and whose names begin with `prefix`, by the rest
  /// of their names.
  std::map<std::string, Checksum> LastChecksums(absl::string_view prefix) const;

  /// Writes the file, syncs it, and replaces an existing file. Every tensor must have ended.
  /// RESOURCE_EXHAUSTED if the disk is full, or if the header would exceed the limit of the format
  /// (100 MB: about 30,000 sessions of a run file).
  absl::Status Finish(const std::map<std::string, std::string>& metadata);

 private:
  struct Spool;
  struct Entry {
    std::string name;
    Dtype dtype;
    std::vector<std::int64_t> shape;
    const Spool* spool;
    std::int64_t begin;  // in the spool
    std::int64_t end;
    Checksum checksum;
  };

  explicit SafetensorsWriter(std::string path);
  absl::StatusOr<Spool*> FreeSpool(std::size_t element_bytes);
  std::string Header(const std::map<std::string, std::string>& metadata) const;
  absl::Status WriteTo(std::FILE* file, absl::string_view header) const;

  const std::string path_;
  // Ordered by element size, largest first, so that every tensor is aligned.
  std::vector<std::unique_ptr<Spool>> spools_;
  std::vector<std::unique_ptr<Tensor>> tensors_;
  std::vector<Entry> entries_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_SAFETENSORS_WRITER_H_
