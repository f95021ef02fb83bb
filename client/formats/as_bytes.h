#ifndef CALIPERS_CLIENT_FORMATS_AS_BYTES_H_
#define CALIPERS_CLIENT_FORMATS_AS_BYTES_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace calipers::client {

/// The content of a protobuf `bytes` field, which protobuf stores as a string.
inline absl::Span<const std::byte> AsBytes(absl::string_view field) {
  return {reinterpret_cast<const std::byte*>(field.data()), field.size()};
}

/// Bytes that hold text.
inline absl::string_view AsText(absl::Span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_AS_BYTES_H_
