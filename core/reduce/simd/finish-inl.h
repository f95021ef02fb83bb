// Per-target code. It is included once for each instruction set, so it has no ordinary guard.
#if defined(CALIPERS_CORE_REDUCE_SIMD_FINISH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_REDUCE_SIMD_FINISH_INL_H_
#undef CALIPERS_CORE_REDUCE_SIMD_FINISH_INL_H_
#else
#define CALIPERS_CORE_REDUCE_SIMD_FINISH_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include "core/reduce/simd/extremes-inl.h"
#include "core/reduce/simd/float_bits.h"
#include "core/reduce/simd/long_run-inl.h"
#include "core/reduce/simd/specials.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

// Converts keys to elements. A NaN at either end becomes NaN at both ends. Returns which special
// values the ranges have.
template <class Kind, class D>
HWY_INLINE Specials ToElements(D d, const FloatBits& bits, hn::Vec<D>& low, hn::Vec<D>& high) {
  using T = typename Kind::Lane;
  low = Kind::FromKey(d, hn::Not(low));
  high = Kind::FromKey(d, high);
  if constexpr (Kind::kExtremes != 3) {
    return {};
  } else {
    const hn::RebindToSigned<D> s;
    const auto infinity = hn::Set(d, static_cast<T>(bits.infinity));
    const auto greatest = hn::BitCast(s, hn::Set(d, static_cast<T>(bits.greatest)));
    const auto low_size = hn::AndNot(Kind::SignBit(d), low);
    const auto high_size = hn::AndNot(Kind::SignBit(d), high);
    // Magnitudes have no sign bit, so they can be compared as signed numbers, which costs less.
    const auto larger = hn::Max(hn::BitCast(s, low_size), hn::BitCast(s, high_size));
    if (HWY_LIKELY(hn::AllTrue(s, hn::Lt(larger, greatest)))) return {};
    const auto is_nan = hn::RebindMask(d, hn::Gt(larger, greatest));
    const auto is_inf =
        hn::AndNot(is_nan, hn::Or(hn::Eq(low_size, infinity), hn::Eq(high_size, infinity)));
    const auto nan = hn::Set(d, static_cast<T>(bits.canonical_nan));
    low = hn::IfThenElse(is_nan, nan, low);
    high = hn::IfThenElse(is_nan, nan, high);
    return {!hn::AllFalse(d, is_nan), !hn::AllFalse(d, is_inf)};
  }
}

// Finishes the parameters from `begin` to `end`, in whole vectors of D. Returns the first parameter
// that is not finished. `global` takes the keys of the finished parameters.
template <class Kind, class D>
HWY_INLINE std::size_t FinishVectors(D d, const FloatBits& bits, Ranges<Kind> ranges,
                                     std::size_t begin, std::size_t end, Ranges<Kind> global,
                                     Specials& specials) {
  auto least = hn::Zero(d);
  auto greatest = hn::Zero(d);
  const std::size_t lanes = hn::Lanes(d);
  std::size_t p = begin;
  for (; p + lanes <= end; p += lanes) {
    auto low = hn::LoadU(d, ranges.min + p);
    auto high = hn::LoadU(d, ranges.max + p);
    least = hn::Max(least, low);
    greatest = hn::Max(greatest, high);
    const Specials seen = ToElements<Kind>(d, bits, low, high);
    specials.nan |= seen.nan;
    specials.inf |= seen.inf;
    hn::StoreU(low, d, ranges.min + p);
    hn::StoreU(high, d, ranges.max + p);
  }
  using Keys = IntegerExtremes<typename Kind::Lane, false>;
  *global.min = std::max(*global.min, AcrossLanes<Keys, 0>(d, least));
  *global.max = std::max(*global.max, AcrossLanes<Keys, 0>(d, greatest));
  return p;
}

// Converts the ranges of `count` parameters to elements, in place, and writes their common range to
// `global`. Returns which special values the parameters' ranges have.
template <class Kind>
HWY_INLINE Specials FinishRanges(const FloatBits& bits, Ranges<Kind> ranges, std::size_t count,
                                 Ranges<Kind> global) {
  using T = typename Kind::Lane;
  const hn::CappedTag<T, 1> one;
  Specials specials;
  const std::size_t rest =
      FinishVectors(hn::ScalableTag<T>(), bits, ranges, 0, count, global, specials);
  FinishVectors(one, bits, ranges, rest, count, global, specials);
  auto low = hn::Set(one, *global.min);
  auto high = hn::Set(one, *global.max);
  ToElements<Kind>(one, bits, low, high);
  *global.min = hn::GetLane(low);
  *global.max = hn::GetLane(high);
  return specials;
}

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_REDUCE_SIMD_FINISH_INL_H_
