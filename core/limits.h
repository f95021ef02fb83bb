#ifndef CALIPERS_CORE_LIMITS_H_
#define CALIPERS_CORE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace calipers {

/// The largest index of a batch. Keys on disk and in run files have no room for a larger index.
inline constexpr std::int64_t kMaxBatchIndex = (std::int64_t{1} << 48) - 1;

/// The longest name of a worker, in bytes.
inline constexpr std::size_t kMaxWorkerBytes = 256;

}  // namespace calipers

#endif  // CALIPERS_CORE_LIMITS_H_
