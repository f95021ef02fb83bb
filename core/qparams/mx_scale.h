#ifndef CALIPERS_CORE_QPARAMS_MX_SCALE_H_
#define CALIPERS_CORE_QPARAMS_MX_SCALE_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/args/quantization_args.h"
#include "core/tensor/dtype_limits.h"

namespace calipers {

/// True if scales are powers of two, which are kept as exponents (E8M0): floats of 4, 6 or 8 bits
/// in groups of 32 with scale_dtype U8.
inline bool HasMxScales(const QuantizationArgs& args) {
  return args.type == QuantizationType::kFloat &&
         (args.num_bits == 4 || args.num_bits == 6 || args.num_bits == 8) &&
         args.group_size == 32 && args.scale_dtype == Dtype::kU8;
}

/// The number that is added to an exponent before it is kept.
inline constexpr double kMxBias = 127;

/// The exponent of the greatest power of two in the element's format: 2 in E2M1 and E2M3, 8 in
/// E4M3. It is subtracted from a range's exponent, which moves the top of the range to the top of
/// the format.
inline double MxElementExponent(std::int64_t num_bits) { return num_bits == 8 ? 8 : 2; }

/// The part at the end of a binade that is rounded up to the next binade. It begins at 1.75 in E2M1
/// and E4M3, and at 1.9375 in E2M3. For E4M3 the reference uses the rounding of E2M1.
inline double MxRoundedUp(std::int64_t num_bits) { return num_bits == 6 ? 0x1p-4 : 0x1p-2; }

/// 2^exponent, which must be a normal float64.
inline double PowerOfTwo(int exponent) {
  constexpr int kMantissaBits = 52;
  constexpr int kBias = 1023;
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + kBias) << kMantissaBits);
}

/// The powers of two that represent magnitudes of a dtype with these limits.
class MxPowers {
 public:
  MxPowers(std::int64_t num_bits, const DtypeLimits& limits)
      : rounded_up_(MxRoundedUp(num_bits)),
        least_normal_(limits.least_normal),
        least_exponent_(std::ilogb(limits.least_normal)),
        greatest_exponent_(std::ilogb(limits.greatest)) {}

  /// The exponent of the greatest power of two up to `absmax`, or of the next power if `absmax` is
  /// close to it (MxRoundedUp). Minus infinity below the normal values. Infinity above the greatest
  /// power of two, and for NaN.
  double ExponentOf(double absmax) const {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    if (!std::isfinite(absmax)) return kInf;
    if (absmax < least_normal_) {
      return absmax >= least_normal_ * (1 - rounded_up_) ? least_exponent_ : -kInf;
    }
    // A carry out of the mantissa increments the exponent.
    constexpr double kMantissaUnits = 0x1p52;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(absmax) +
                               static_cast<std::uint64_t>(rounded_up_ * kMantissaUnits);
    const int exponent = static_cast<int>(bits >> 52) - 1023;
    return exponent > greatest_exponent_ ? kInf : exponent;
  }

 private:
  double rounded_up_;
  double least_normal_;
  int least_exponent_;
  int greatest_exponent_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_MX_SCALE_H_
