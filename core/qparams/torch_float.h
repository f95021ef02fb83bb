#ifndef CALIPERS_CORE_QPARAMS_TORCH_FLOAT_H_
#define CALIPERS_CORE_QPARAMS_TORCH_FLOAT_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/tensor/dtype.h"
#include "core/tensor/float_rounding.h"

namespace calipers {

/// The arithmetic of PyTorch's CPU kernels for numbers of a dtype: they compute in float32, or in
/// float64 for F64, and round each result to the dtype. For F64, F32, BF16 and F16.
template <Dtype kDtype>
struct TorchFloat {
  using Wide = std::conditional_t<kDtype == Dtype::kF64, double, float>;

  static Wide Round(Wide x) {
    if constexpr (kDtype == Dtype::kF16) return RoundToF16(x);
    if constexpr (kDtype == Dtype::kBF16) return RoundToBF16(x);
    return x;
  }
  /// `x` cast to the dtype. For the 16-bit dtypes it is cast to float32 first.
  static Wide From(double x) { return Round(static_cast<Wide>(x)); }
};

/// The dtype to which a tensor of `a` and a tensor of `b` are promoted, if both have at least one
/// dimension.
constexpr Dtype Promote(Dtype a, Dtype b) {
  if (a == b) return a;
  return a == Dtype::kF64 || b == Dtype::kF64 ? Dtype::kF64 : Dtype::kF32;
}

/// `x` rounded to the nearest number of an F8 type, ties to even. The type has `kMantissaBits` bits
/// of mantissa, and its least positive value is 2^(n - 23) for a `unit_holder` of 1.5 * 2^n. For
/// magnitudes up to the greatest finite value. NaN stays NaN.
template <int kMantissaBits>
float RoundToF8(float x, float least_normal, float unit_holder) {
  const float magnitude = std::fabs(x);
  // Near `unit_holder`, float32 numbers are as far apart as the subnormals of the F8 type, so the
  // addition rounds.
  const float subnormal = (magnitude + unit_holder) - unit_holder;
  constexpr int kDropped = 23 - kMantissaBits;
  constexpr std::uint32_t kRest = (1U << kDropped) - 1;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(magnitude);
  const std::uint32_t odd = (bits >> kDropped) & 1U;
  const auto normal = std::bit_cast<float>((bits + (kRest >> 1) + odd) & ~kRest);
  const float rounded = std::copysign(magnitude < least_normal ? subnormal : normal, x);
  return x != x ? x : rounded;
}

inline float RoundToF8E4M3(float x) { return RoundToF8<3>(x, 0x1p-6F, 0x1.8p14F); }
inline float RoundToF8E5M2(float x) { return RoundToF8<2>(x, 0x1p-14F, 0x1.8p7F); }

/// Converts a whole number to an integer, as x86 does. For an integer of up to 32 bits, x86
/// converts to 32 bits first and then drops the upper bits. NaN and numbers that do not fit become
/// the least value.
template <typename Integer>
double ToInteger(double x) {
  using Converted = std::conditional_t<sizeof(Integer) == 8, std::int64_t, std::int32_t>;
  constexpr double kEnd = sizeof(Integer) == 8 ? 0x1p63 : 0x1p31;
  const bool fits = x >= -kEnd && x < kEnd;
  const Converted converted =
      fits ? static_cast<Converted>(x) : std::numeric_limits<Converted>::min();
  return static_cast<double>(static_cast<Integer>(converted));
}

/// The value of `x` after PyTorch's x.to(dtype). For F8, `x` must be within the finite range.
inline double TorchCast(Dtype dtype, double x) {
  switch (dtype) {
    case Dtype::kF64:
      return x;
    case Dtype::kF32:
      return static_cast<float>(x);
    case Dtype::kF16:
      return RoundToF16(static_cast<float>(x));
    case Dtype::kBF16:
      return RoundToBF16(static_cast<float>(x));
    case Dtype::kF8E4M3:
      return RoundToF8E4M3(static_cast<float>(x));
    case Dtype::kF8E5M2:
      return RoundToF8E5M2(static_cast<float>(x));
    case Dtype::kI8:
      return ToInteger<std::int8_t>(x);
    case Dtype::kU8:
      return ToInteger<std::uint8_t>(x);
    case Dtype::kI16:
      return ToInteger<std::int16_t>(x);
    case Dtype::kI32:
      return ToInteger<std::int32_t>(x);
    case Dtype::kI64:
      return ToInteger<std::int64_t>(x);
  }
  return x;
}

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_TORCH_FLOAT_H_
