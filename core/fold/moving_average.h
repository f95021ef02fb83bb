#ifndef CALIPERS_CORE_FOLD_MOVING_AVERAGE_H_
#define CALIPERS_CORE_FOLD_MOVING_AVERAGE_H_

#include <cstdint>

#include "core/args/weighting.h"
#include "core/tensor/dtype.h"
#include "core/tensor/float_rounding.h"

namespace calipers {

// The moving average of single values, and the weights of records. Folds use the vector code in
// core/fold/simd/moving_average-inl.h; the tests compare it with the two classes here. Both
// arithmetics hold the state in float64, because float64 holds every value of every dtype in which
// a fold ends.

/// past * (1 - c) + current * c. Every operation is rounded to float64.
class ExactAverage {
 public:
  explicit ExactAverage(double c) : keep_(1.0 - c), take_(c) {}
  double operator()(double past, double current) const { return past * keep_ + current * take_; }

 private:
  double keep_;
  double take_;
};

/// The same, but every operation is rounded to the dtype, as in PyTorch for tensors of `kDtype` and
/// Python floats. Python computes 1 - c in float64. The scalar enters the product as float32
/// (float64 for F64), whatever the dtype. The products and the sum are rounded to float32, and then
/// to the dtype. Integers are promoted to float32. Not for F8, which PyTorch does not reduce.
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

/// 1 - (1 - c)^n: the weight that `num_observations` observations of weight `constant` have
/// together. Exactly 0 for no observation, and exactly `constant` for one observation.
double CombinedWeight(double constant, std::int64_t num_observations);

/// The weight of a record with `num_observations` observations in a moving average with this
/// averaging constant.
double WeightOf(Weighting weighting, double constant, std::int64_t num_observations);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_MOVING_AVERAGE_H_
