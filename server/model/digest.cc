#include "server/model/digest.h"

#include <xxhash.h>

#include <cstdint>
#include <cstring>

#include "core/tensor/dtype.h"

namespace calipers::server {

Digest DigestOf(const Record& record) {
  // What is not in the values goes into the seed.
  std::array<std::byte, 9> fixed;
  fixed[0] = static_cast<std::byte>(record.dtype());
  const auto n = static_cast<std::uint64_t>(record.num_observations());
  for (std::size_t i = 0; i < sizeof(n); ++i) fixed[i + 1] = static_cast<std::byte>(n >> (8 * i));
  const std::uint64_t seed = XXH3_64bits(fixed.data(), fixed.size());
  const absl::Span<const std::byte> values = record.values();
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(values.data(), values.size(), seed));
  Digest digest;
  static_assert(sizeof(canonical.digest) == sizeof(digest));
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

}  // namespace calipers::server
