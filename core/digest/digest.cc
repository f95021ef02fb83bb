#include "core/digest/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/strings/string_view.h"
#include "core/reduce/statistics/registry.h"
#include "core/tensor/dtype.h"

namespace calipers {
namespace {

// A hash of the dtype and num_observations, which are not in the values.
std::uint64_t SeedOf(const Record& record) {
  std::array<std::byte, 9> fixed;
  fixed[0] = static_cast<std::byte>(record.dtype());
  const auto n = static_cast<std::uint64_t>(record.num_observations());
  for (std::size_t i = 0; i < sizeof(n); ++i) fixed[i + 1] = static_cast<std::byte>(n >> (8 * i));
  return XXH3_64bits(fixed.data(), fixed.size());
}

bool IsInDigest(const StatisticValue& value) {
  const absl::StatusOr<const Statistic*> statistic = FindStatistic(value.name);
  return statistic.ok() && (*statistic)->in_digest();
}

// Hashes the values, and then the name and the value of each statistic. The length of each stands
// before it, so that no two sets of statistics have the same bytes.
XXH128_hash_t HashWithStatistics(const Record& record) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_128bits_reset_withSeed(state.get(), SeedOf(record));
  const auto add_size = [&](std::uint64_t size) {
    std::array<std::byte, 8> bytes;
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(size >> (8 * i));
    XXH3_128bits_update(state.get(), bytes.data(), bytes.size());
  };
  const auto add = [&](absl::string_view text) {
    add_size(text.size());
    XXH3_128bits_update(state.get(), text.data(), text.size());
  };
  const absl::Span<const std::byte> values = record.values();
  add_size(values.size());
  XXH3_128bits_update(state.get(), values.data(), values.size());
  for (const StatisticValue& value : record.statistics().values()) {
    if (!IsInDigest(value)) continue;
    add(value.name);
    add(value.value);
  }
  return XXH3_128bits_digest(state.get());
}

XXH128_hash_t HashOf(const Record& record) {
  const auto statistics = record.statistics().values();
  if (std::any_of(statistics.begin(), statistics.end(), IsInDigest)) {
    return HashWithStatistics(record);
  }
  const absl::Span<const std::byte> values = record.values();
  return XXH3_128bits_withSeed(values.data(), values.size(), SeedOf(record));
}

}  // namespace

Digest DigestOf(const Record& record) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, HashOf(record));
  Digest digest;
  static_assert(sizeof(canonical.digest) == sizeof(digest));
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

bool IsDigestOf(const Digest& digest, const Record& record) {
  if (!record.empty()) return digest == DigestOf(record);
  return std::any_of(kAllDtypes.begin(), kAllDtypes.end(), [&](Dtype dtype) {
    return digest == DigestOf(Record::Empty(dtype, record.num_observations()));
  });
}

}  // namespace calipers
