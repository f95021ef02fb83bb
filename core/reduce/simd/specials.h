#ifndef CALIPERS_CORE_REDUCE_SIMD_SPECIALS_H_
#define CALIPERS_CORE_REDUCE_SIMD_SPECIALS_H_

namespace calipers {

/// The special values in the ranges of a tensor's parameters. `nan`: some range is NaN. `inf`: some
/// range that is not NaN has an infinity at either end.
struct Specials {
  bool nan = false;
  bool inf = false;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_SIMD_SPECIALS_H_
