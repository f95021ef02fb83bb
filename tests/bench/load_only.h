#ifndef CALIPERS_TESTS_BENCH_LOAD_ONLY_H_
#define CALIPERS_TESTS_BENCH_LOAD_ONLY_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace calipers::bench {

/// Loads every byte with the widest vectors of the machine and does almost nothing else. No reducer
/// can be faster.
std::uint64_t LoadOnly(absl::Span<const std::byte> buffer);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_LOAD_ONLY_H_
