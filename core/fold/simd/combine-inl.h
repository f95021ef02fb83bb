// Per-target code. It is included once for each instruction set, so it has no ordinary guard.
#if defined(CALIPERS_CORE_FOLD_SIMD_COMBINE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_FOLD_SIMD_COMBINE_INL_H_
#undef CALIPERS_CORE_FOLD_SIMD_COMBINE_INL_H_
#else
#define CALIPERS_CORE_FOLD_SIMD_COMBINE_INL_H_
#endif

#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The operations of core/fold/extremes.h on vectors of float64, bit for bit.

struct Newest {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D /*d*/, hn::Vec<D> /*past*/, hn::Vec<D> current) const {
    return current;
  }
};

// `a` where `a_is_first`, `b` where `b_is_first`, `equal` where `a` and `b` are equal, else NaN.
template <class D, class M>
HWY_INLINE hn::Vec<D> Choose(D d, M a_is_first, M b_is_first, hn::Vec<D> a, hn::Vec<D> b,
                             hn::Vec<D> equal) {
  const auto nan = hn::Set(d, std::numeric_limits<double>::quiet_NaN());
  const auto neither = hn::IfThenElse(hn::Eq(a, b), equal, nan);
  return hn::IfThenElse(a_is_first, a, hn::IfThenElse(b_is_first, b, neither));
}

struct LowerOf {
  // Equal numbers have equal bits, except zeros. Or gives -0.0 if either zero is -0.0.
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> a, hn::Vec<D> b) const {
    return Choose(d, hn::Lt(a, b), hn::Lt(b, a), a, b, hn::Or(a, b));
  }
};

struct UpperOf {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> a, hn::Vec<D> b) const {
    return Choose(d, hn::Gt(a, b), hn::Gt(b, a), a, b, hn::And(a, b));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_FOLD_SIMD_COMBINE_INL_H_
