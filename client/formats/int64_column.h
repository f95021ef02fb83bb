#ifndef CALIPERS_CLIENT_FORMATS_INT64_COLUMN_H_
#define CALIPERS_CLIENT_FORMATS_INT64_COLUMN_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "core/tensor/element_load.h"

namespace calipers::client {

/// Little-endian 64-bit integers in a file. They need not be aligned.
class Int64Column {
 public:
  Int64Column() = default;
  explicit Int64Column(absl::Span<const std::byte> bytes) : bytes_(bytes) {}

  std::int64_t size() const {
    return static_cast<std::int64_t>(bytes_.size() / sizeof(std::int64_t));
  }
  std::int64_t operator[](std::int64_t i) const {
    return LoadExactly<Dtype::kI64>(bytes_.data() +
                                    static_cast<std::size_t>(i) * sizeof(std::int64_t));
  }

 private:
  absl::Span<const std::byte> bytes_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_INT64_COLUMN_H_
