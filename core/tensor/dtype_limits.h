#ifndef CALIPERS_CORE_TENSOR_DTYPE_LIMITS_H_
#define CALIPERS_CORE_TENSOR_DTYPE_LIMITS_H_

#include "core/tensor/dtype.h"

namespace calipers {

/// What a dtype can hold, as torch.finfo and torch.iinfo have it.
struct DtypeLimits {
  /// The least and the greatest finite value. Those of I64 are the float64 next to them.
  double lowest = 0;
  double greatest = 0;
  /// Floats: the distance from 1 to the next value above it. Integers: 1.
  double epsilon = 0;
  /// The least value above 0, subnormal in floats. Integers: 1.
  double least_positive = 0;
  /// Floats: the least normal value above 0, torch.finfo's tiny. Integers: 1.
  double least_normal = 0;
};

DtypeLimits LimitsOf(Dtype dtype);

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_DTYPE_LIMITS_H_
