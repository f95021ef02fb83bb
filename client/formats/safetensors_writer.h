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
#include "core/tensor/dtype.h"

namespace calipers::client {

/// Writes a safetensors file of tensors whose length is not known before their last
/// element, in memory that does not grow with them: each grows in a file of its own,
/// which has no name, beside the one that is written, and all are put together at the
/// end. The file gets its name when it is whole. Not thread-safe.
class SafetensorsWriter {
 public:
  /// A tensor that is being written.
  class Tensor;

  /// NOT_FOUND, PERMISSION_DENIED ... with the path if nothing can be written beside `path`.
  static absl::StatusOr<std::unique_ptr<SafetensorsWriter>> Create(std::string path);
  /// Without Finish nothing is left.
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  /// Begins a tensor; several may be on their way at once. Valid until its End.
  absl::StatusOr<Tensor*> Begin(Dtype dtype);
  /// The tensor's next elements, little-endian.
  absl::Status Append(Tensor* tensor, absl::Span<const std::byte> elements);
  /// The tensor is whole, and has this name, which no other has, and shape, outermost
  /// dimension first. INVALID_ARGUMENT if it has another number of elements.
  absl::Status End(Tensor* tensor, const std::string& name, const std::vector<std::int64_t>& shape);

  /// Writes the file, syncs it and puts it in the place of what is there. Every tensor
  /// must have ended. RESOURCE_EXHAUSTED if the disk is full or the header would be
  /// longer than the format allows (100 MB: some 30,000 sessions of a run file).
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
  };

  explicit SafetensorsWriter(std::string path);
  absl::StatusOr<Spool*> FreeSpool(std::size_t element_bytes);
  std::string Header(const std::map<std::string, std::string>& metadata) const;
  absl::Status WriteTo(std::FILE* file, absl::string_view header) const;

  const std::string path_;
  // By what an element takes, the largest first, so that every tensor is aligned.
  std::vector<std::unique_ptr<Spool>> spools_;
  std::vector<std::unique_ptr<Tensor>> tensors_;
  std::vector<Entry> entries_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_SAFETENSORS_WRITER_H_
