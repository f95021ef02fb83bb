#ifndef CALIPERS_TESTS_CORE_REDUCE_STATISTICS_ZERO_COUNT_H_
#define CALIPERS_TESTS_CORE_REDUCE_STATISTICS_ZERO_COUNT_H_

#include <cstdint>
#include <string>

#include "core/reduce/statistic.h"

namespace calipers::testing {

/// The number of zeros in a tensor, for tests: 8 bytes, little-endian. The fold is the sum. For
/// inputs only.
const Statistic* ZeroCount();

/// The value of a tensor with so many zeros.
std::string ZeroCountValue(std::uint64_t zeros);

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_CORE_REDUCE_STATISTICS_ZERO_COUNT_H_
