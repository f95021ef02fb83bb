#ifndef CALIPERS_CORE_REDUCE_SIMD_FLOAT_BITS_H_
#define CALIPERS_CORE_REDUCE_SIMD_FLOAT_BITS_H_

#include <cstdint>

#include "core/tensor/dtype.h"

namespace calipers {

/// Bit patterns of a floating-point dtype, without the sign bit.
struct FloatBits {
  std::uint64_t greatest = 0;  ///< The greatest magnitude that is not NaN.
  /// Infinity. In a dtype without infinity: a pattern that no magnitude has.
  std::uint64_t infinity = 0;
  std::uint64_t canonical_nan = 0;  ///< Quiet, without payload.
};

/// The patterns of `dtype`; all 0 for integers.
constexpr FloatBits FloatBitsOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return {0x7FF0000000000000U, 0x7FF0000000000000U, 0x7FF8000000000000U};
    case Dtype::kF32:
      return {0x7F800000U, 0x7F800000U, 0x7FC00000U};
    case Dtype::kF16:
      return {0x7C00U, 0x7C00U, 0x7E00U};
    case Dtype::kBF16:
      return {0x7F80U, 0x7F80U, 0x7FC0U};
    case Dtype::kF8E5M2:
      return {0x7CU, 0x7CU, 0x7EU};
    case Dtype::kF8E4M3:
      return {0x7EU, 0x80U, 0x7FU};
    default:
      return {};
  }
}

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_SIMD_FLOAT_BITS_H_
