#ifndef CALIPERS_TESTS_SUPPORT_SLOW_ROUNDING_H_
#define CALIPERS_TESTS_SUPPORT_SLOW_ROUNDING_H_

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

namespace calipers::testing {

/// Rounding to the compiler's own binary16.
inline float SlowF16(float x) { return static_cast<float>(static_cast<_Float16>(x)); }

/// The bfloat16 neighbour of x that is nearer; the even neighbour if both are equally near. Beyond
/// the largest finite bfloat16, 2^128 stands for infinity.
inline float SlowBF16(float x) {
  if (!std::isfinite(x)) return x;
  const std::uint32_t below_bits = std::bit_cast<std::uint32_t>(std::fabs(x)) & 0xFFFF0000U;
  const std::uint32_t above_bits = below_bits + 0x10000U;
  const auto value = [](std::uint32_t bits) {
    return bits == 0x7F800000U ? 0x1p128 : double{std::bit_cast<float>(bits)};
  };
  const double to_below = std::fabs(double{x}) - value(below_bits);
  const double to_above = value(above_bits) - std::fabs(double{x});
  const bool below = to_below < to_above || (to_below == to_above && (below_bits & 0x10000U) == 0);
  return std::copysign(std::bit_cast<float>(below ? below_bits : above_bits), x);
}

inline void ExpectSameFloat(float actual, float expected, float x) {
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(actual)) << x;
  } else {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(actual), std::bit_cast<std::uint32_t>(expected)) << x;
  }
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_SLOW_ROUNDING_H_
