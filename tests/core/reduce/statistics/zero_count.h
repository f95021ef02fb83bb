#ifndef CALIPERS_TESTS_CORE_REDUCE_STATISTICS_ZERO_COUNT_H_
#define CALIPERS_TESTS_CORE_REDUCE_STATISTICS_ZERO_COUNT_H_

#include <cstdint>
#include <string>

#include "core/reduce/statistic.h"

namespace calipers::testing {

/// A statistic for tests: the number of zeros in a tensor, 8 bytes, little-endian. The fold is the
/// sum. Only sessions of inputs can have it.
const Statistic* ZeroCount();

/// The value of a tensor with `zeros` zeros.
std::string ZeroCountValue(std::uint64_t zeros);

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_CORE_REDUCE_STATISTICS_ZERO_COUNT_H_
