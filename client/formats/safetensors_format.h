#ifndef CALIPERS_CLIENT_FORMATS_SAFETENSORS_FORMAT_H_
#define CALIPERS_CLIENT_FORMATS_SAFETENSORS_FORMAT_H_

#include <cstddef>
#include <cstdint>

/// The safetensors format, for reader and writer.
namespace calipers::client::safetensors {

/// Size in bytes of the header's length, a little-endian number at the start of the file. The
/// header ends at a multiple of this size.
inline constexpr std::size_t kLengthBytes = 8;
/// The maximum size of a header in the safetensors library itself, in bytes.
inline constexpr std::uint64_t kMaxHeader = 100'000'000;

}  // namespace calipers::client::safetensors

#endif  // CALIPERS_CLIENT_FORMATS_SAFETENSORS_FORMAT_H_
