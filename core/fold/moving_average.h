#ifndef CALIPERS_CORE_FOLD_MOVING_AVERAGE_H_
#define CALIPERS_CORE_FOLD_MOVING_AVERAGE_H_

#include <cstdint>

#include "core/args/weighting.h"
#include "core/tensor/dtype.h"
#include "core/tensor/float_rounding.h"

namespace calipers {

// The moving average of single values, and the weights of records. Folds use the vector code in
// core/fold/simd/moving_average-inl.h; the tests compare it with the two classes here. A state is
// held in float64 in both arithmetics: float64 holds every value of every dtype that a fold ends
// in.

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

/// 1 - (1 - c)^n: what `num_observations` observations of weight `constant`
/// weigh together. Exactly 0 for none and exactly `constant` for one.
double CombinedWeight(double constant, std::int64_t num_observations);

/// The weight of a record of `num_observations` in a moving average of `constant`.
double WeightOf(Weighting weighting, double constant, std::int64_t num_observations);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_MOVING_AVERAGE_H_
