#ifndef CALIPERS_CORE_FOLD_EXTREMES_H_
#define CALIPERS_CORE_FOLD_EXTREMES_H_

#include <cmath>
#include <limits>

namespace calipers {

/// The lower of `a` and `b`. NaN if either is NaN; -0.0 is below +0.0.
inline double Lower(double a, double b) {
  if (a < b) return a;
  if (b < a) return b;
  if (a == b) return std::signbit(a) ? a : b;
  return std::numeric_limits<double>::quiet_NaN();
}

/// The upper of `a` and `b`. NaN if either is NaN; +0.0 is above -0.0.
inline double Upper(double a, double b) {
  if (a > b) return a;
  if (b > a) return b;
  if (a == b) return std::signbit(a) ? b : a;
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_EXTREMES_H_
