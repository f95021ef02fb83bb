#ifndef CALIPERS_CORE_REDUCE_SIMD_SPECIALS_H_
#define CALIPERS_CORE_REDUCE_SIMD_SPECIALS_H_

namespace calipers {

/// What some parameter's range has: NaN; an infinity at an end that is not NaN.
struct Specials {
  bool nan = false;
  bool inf = false;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_SIMD_SPECIALS_H_
