#ifndef CALIPERS_CORE_FOLD_FOLD_ARITHMETIC_H_
#define CALIPERS_CORE_FOLD_FOLD_ARITHMETIC_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/args/weighting.h"
#include "core/tensor/dtype.h"

namespace calipers {

// The operations of a fold on single values, plainly: core/fold has them on vectors, and
// tests hold those against these. A state is held in float64 whatever
// the arithmetic: it holds every value of every dtype that a fold ends in.

/// `x` rounded to the nearest bfloat16, ties to even; overflow to infinity.
inline float RoundToBF16(float x) {
  if (std::isnan(x)) return x;  // A carry could turn its payload into infinity.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t odd = (bits >> 16) & 1U;
  return std::bit_cast<float>((bits + 0x7FFFU + odd) & 0xFFFF0000U);
}

/// `x` rounded to the nearest binary16, ties to even; overflow to infinity.
inline float RoundToF16(float x) {
  const float magnitude = std::fabs(x);
  float rounded;
  if (magnitude < 0x1p-14F) {
    // Subnormal there: multiples of 2^-24. The float32 next to this number lie
    // just as far apart, so the addition rounds.
    constexpr float kUnit24 = 0x1.8p-1F;
    rounded = (magnitude + kUnit24) - kUnit24;
  } else if (magnitude >= 65520.0F) {
    // Half a unit above the largest, and everything after it.
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

/// past * (1 - c) + current * c, every operation rounded to float64.
class ExactAverage {
 public:
  explicit ExactAverage(double c) : keep_(1.0 - c), take_(c) {}
  double operator()(double past, double current) const { return past * keep_ + current * take_; }

 private:
  double keep_;
  double take_;
};

/// The same, every operation rounded to the dtype, as PyTorch does it for
/// tensors of `kDtype` and Python floats. 1 - c is Python's, in float64; the
/// scalar enters the product as float32 (float64 for F64), whatever the dtype;
/// the product, and the sum, are rounded to float32 and then to the dtype.
/// Integers promote to float32. Not for F8, which PyTorch does not reduce.
template <Dtype kDtype>
class ReferenceAverage {
 public:
  explicit ReferenceAverage(double c)
      : keep_(static_cast<float>(1.0 - c)), take_(static_cast<float>(c)) {}

  double operator()(double past, double current) const {
    const float kept = Round(static_cast<float>(past) * keep_);
    const float taken = Round(static_cast<float>(current) * take_);
    return Round(kept + taken);
  }

 private:
  static float Round(float x) {
    if constexpr (kDtype == Dtype::kF16) return RoundToF16(x);
    if constexpr (kDtype == Dtype::kBF16) return RoundToBF16(x);
    return x;
  }

  float keep_;
  float take_;
};

template <>
class ReferenceAverage<Dtype::kF64> : public ExactAverage {
  using ExactAverage::ExactAverage;
};

/// The lower of the two: NaN if either is, -0.0 below +0.0.
inline double Lower(double a, double b) {
  if (a < b) return a;
  if (b < a) return b;
  if (a == b) return std::signbit(a) ? a : b;
  return std::numeric_limits<double>::quiet_NaN();
}

/// The upper of the two: NaN if either is, +0.0 above -0.0.
inline double Upper(double a, double b) {
  if (a > b) return a;
  if (b > a) return b;
  if (a == b) return std::signbit(a) ? b : a;
  return std::numeric_limits<double>::quiet_NaN();
}

/// 1 - (1 - c)^n: what `num_observations` observations of weight `constant`
/// weigh together. Exactly 0 for none and exactly `constant` for one.
double CombinedWeight(double constant, std::int64_t num_observations);

/// What a record of `num_observations` weighs in a moving average of `constant`.
double WeightOf(Weighting weighting, double constant, std::int64_t num_observations);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_FOLD_ARITHMETIC_H_
