#ifndef CALIPERS_CORE_TENSOR_DTYPE_LIMITS_H_
#define CALIPERS_CORE_TENSOR_DTYPE_LIMITS_H_

#include "core/tensor/dtype.h"

namespace calipers {

/// The limits of a dtype's values, as in torch.finfo and torch.iinfo.
struct DtypeLimits {
  /// The least and the greatest finite value. For I64: the float64 nearest to each.
  double lowest = 0;
  double greatest = 0;
  /// Floats: the distance from 1 to the next value above it. Integers: 1.
  double epsilon = 0;
  /// Floats: the least value above 0, which is subnormal. Integers: 1.
  double least_positive = 0;
  /// Floats: the least normal value above 0 (torch.finfo's tiny). Integers: 1.
  double least_normal = 0;
};

DtypeLimits LimitsOf(Dtype dtype);

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_DTYPE_LIMITS_H_
