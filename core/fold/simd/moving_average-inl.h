// Per-target code. It is included once for each instruction set, so it has no ordinary guard.
#if defined(CALIPERS_CORE_FOLD_SIMD_MOVING_AVERAGE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_FOLD_SIMD_MOVING_AVERAGE_INL_H_
#undef CALIPERS_CORE_FOLD_SIMD_MOVING_AVERAGE_INL_H_
#else
#define CALIPERS_CORE_FOLD_SIMD_MOVING_AVERAGE_INL_H_
#endif

#include <limits>

#include "core/args/arithmetic.h"
#include "core/tensor/dtype.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The moving average on vectors of float64. Tests compare it, bit for bit, with the classes of
// core/fold/moving_average.h.

// Rounds to the nearest bfloat16, ties to even. NaN does not change.
template <class D>
HWY_INLINE hn::Vec<D> ToBF16(D d, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> u;
  const auto bits = hn::BitCast(u, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 1U));
  const auto rounded =
      hn::And(hn::Add(bits, hn::Add(odd, hn::Set(u, 0x7FFFU))), hn::Set(u, 0xFFFF0000U));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::BitCast(d, rounded));
}

// Rounds to the nearest binary16, ties to even, overflow to infinity. NaN does not change.
template <class D>
HWY_INLINE hn::Vec<D> ToF16(D d, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> u;
  const auto magnitude = hn::Abs(x);
  const auto bits = hn::BitCast(u, magnitude);
  const auto odd = hn::And(hn::ShiftRight<13>(bits), hn::Set(u, 1U));
  const auto normal = hn::BitCast(
      d, hn::And(hn::Add(bits, hn::Add(odd, hn::Set(u, 0xFFFU))), hn::Set(u, 0xFFFFE000U)));
  // Near unit24, float32 numbers are as far apart as the subnormals of binary16, so the addition
  // rounds.
  const auto unit24 = hn::Set(d, 0x1.8p-1F);
  const auto subnormal = hn::Sub(hn::Add(magnitude, unit24), unit24);
  const auto infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  auto rounded = hn::IfThenElse(hn::Lt(magnitude, hn::Set(d, 0x1p-14F)), subnormal, normal);
  rounded = hn::IfThenElse(hn::Ge(magnitude, hn::Set(d, 65520.0F)), infinity, rounded);
  return hn::IfThenElse(hn::IsNaN(x), x, hn::CopySign(rounded, x));
}

// Converts float64 to float32. Highway's own scalar conversion turns infinity into the greatest
// finite number.
template <class D, class V>
HWY_INLINE hn::Vec<D> Narrow(D d, V v) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(d, static_cast<float>(hn::GetLane(v)));
#else
  return hn::DemoteTo(d, v);
#endif
}

// past * (1 - c) + current * c, with the rounding of the arithmetic. The operations are never
// fused, because core is compiled without contraction.
template <Dtype kDtype, Arithmetic kArithmetic>
class AverageOf {
 public:
  explicit AverageOf(double c) : keep_(1.0 - c), take_(c) {}

  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> past, hn::Vec<D> current) const {
    if constexpr (kArithmetic == Arithmetic::kExact || kDtype == Dtype::kF64) {
      return hn::Add(hn::Mul(past, hn::Set(d, keep_)), hn::Mul(current, hn::Set(d, take_)));
    } else {
      const hn::Rebind<float, D> f;
      const auto keep = hn::Set(f, static_cast<float>(keep_));
      const auto take = hn::Set(f, static_cast<float>(take_));
      const auto kept = Round(f, hn::Mul(Narrow(f, past), keep));
      const auto taken = Round(f, hn::Mul(Narrow(f, current), take));
      return hn::PromoteTo(d, Round(f, hn::Add(kept, taken)));
    }
  }

 private:
  template <class D>
  static HWY_INLINE hn::Vec<D> Round([[maybe_unused]] D d, hn::Vec<D> x) {
    if constexpr (kDtype == Dtype::kBF16) {
      return ToBF16(d, x);
    } else if constexpr (kDtype == Dtype::kF16) {
      return ToF16(d, x);
    } else {
      return x;
    }
  }

  double keep_;
  double take_;
};

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_FOLD_SIMD_MOVING_AVERAGE_INL_H_
