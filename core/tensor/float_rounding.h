#ifndef CALIPERS_CORE_TENSOR_FLOAT_ROUNDING_H_
#define CALIPERS_CORE_TENSOR_FLOAT_ROUNDING_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace calipers {

/// `x` rounded to the nearest bfloat16, ties to even; overflow to infinity.
inline float RoundToBF16(float x) {
  if (std::isnan(x)) return x;  // Rounding its payload could give infinity.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t odd = (bits >> 16) & 1U;
  return std::bit_cast<float>((bits + 0x7FFFU + odd) & 0xFFFF0000U);
}

/// `x` rounded to the nearest binary16, ties to even; overflow to infinity.
inline float RoundToF16(float x) {
  const float magnitude = std::fabs(x);
  float rounded;
  if (magnitude < 0x1p-14F) {
    // In binary16 these are subnormals: multiples of 2^-24. Near kUnit24, float32 numbers are the
    // same distance apart, so the addition rounds.
    constexpr float kUnit24 = 0x1.8p-1F;
    rounded = (magnitude + kUnit24) - kUnit24;
  } else if (magnitude >= 65520.0F) {
    // Everything from half a unit above the largest finite value (65504) on rounds to infinity.
    rounded = std::numeric_limits<float>::infinity();
  } else if (std::isnan(x)) {
    return x;
  } else {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(magnitude);
    const std::uint32_t odd = (bits >> 13) & 1U;
    rounded = std::bit_cast<float>((bits + 0xFFFU + odd) & ~0x1FFFU);
  }
  return std::copysign(rounded, x);
}

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_FLOAT_ROUNDING_H_
