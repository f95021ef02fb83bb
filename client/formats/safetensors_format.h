#ifndef CALIPERS_CLIENT_FORMATS_SAFETENSORS_FORMAT_H_
#define CALIPERS_CLIENT_FORMATS_SAFETENSORS_FORMAT_H_

#include <cstddef>
#include <cstdint>

/// The safetensors format, for reader and writer.
namespace calipers::client::safetensors {

/// The file begins with the header's length, little-endian; the header ends at a multiple of it.
inline constexpr std::size_t kLengthBytes = 8;
/// The limit of the safetensors library itself.
inline constexpr std::uint64_t kMaxHeader = 100'000'000;

}  // namespace calipers::client::safetensors

#endif  // CALIPERS_CLIENT_FORMATS_SAFETENSORS_FORMAT_H_
