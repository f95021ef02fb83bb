// Per-target code. It is included once for each instruction set, so it has no ordinary guard.
#if defined(CALIPERS_CORE_REDUCE_SIMD_EXTREMES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_REDUCE_SIMD_EXTREMES_INL_H_
#undef CALIPERS_CORE_REDUCE_SIMD_EXTREMES_INL_H_
#else
#define CALIPERS_CORE_REDUCE_SIMD_EXTREMES_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/tensor/dtype.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The extremes of elements. They are computed from the elements' bits, as unsigned lanes of the
// elements' width.
//
// A float is a sign and a magnitude. Three extremes of the bits are enough for its range:
// - Extreme 0: the greatest as a signed number.
// - Extreme 1: the greatest as an unsigned number.
// - Extreme 2: the least as an unsigned number.
//
// The maximum is extreme 0, unless extreme 0 is negative. Then all elements are negative, and the
// maximum has the least magnitude: extreme 2. The minimum is extreme 1 if that has the sign bit,
// else extreme 2. NaN has a magnitude above infinity's, so extreme 0 or 1 shows it.
//
// Two extremes are enough if the signs of the elements are known. If both signs occur, 0 and 1. If
// one sign occurs, 1 and 2; the sign decides which of them is the minimum. So the loops guess which
// signs occur (Signs). After a wrong guess they read the elements again, for the third extreme.
template <typename T>
struct FloatExtremes {
  static_assert(std::is_unsigned_v<T>);
  using Lane = T;
  static constexpr std::size_t kExtremes = 3;

  // Of each pair of lanes, the lane that extreme kExtreme keeps.
  template <std::size_t kExtreme, class D>
  static HWY_INLINE hn::Vec<D> Pick([[maybe_unused]] D d, hn::Vec<D> a, hn::Vec<D> b) {
    if constexpr (kExtreme == 0) {
      const hn::RebindToSigned<D> s;
      return hn::BitCast(d, hn::Max(hn::BitCast(s, a), hn::BitCast(s, b)));
    } else if constexpr (kExtreme == 1) {
      return hn::Max(a, b);
    } else {
      return hn::Min(a, b);
    }
  }

  // Converts elements to unsigned numbers with the same order: -NaN is first and +NaN is last.
  template <class D>
  static HWY_INLINE hn::Vec<D> Key(D d, hn::Vec<D> v) {
    const hn::RebindToSigned<D> s;
    const auto if_negative = hn::BitCast(d, hn::BroadcastSignBit(hn::BitCast(s, v)));
    return hn::Xor(v, hn::Or(if_negative, SignBit(d)));
  }
  // The inverse of Key.
  template <class D>
  static HWY_INLINE hn::Vec<D> FromKey(D d, hn::Vec<D> key) {
    const hn::RebindToSigned<D> s;
    const auto if_positive = hn::BitCast(d, hn::BroadcastSignBit(hn::BitCast(s, key)));
    return hn::Xor(key, hn::Or(hn::Not(if_positive), SignBit(d)));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> SignBit(D d) {
    return hn::Set(d, static_cast<T>(T{1} << (sizeof(T) * 8 - 1)));
  }
};

// Integers need two extremes: the maximum (0) and the minimum (1).
template <typename T, bool kSigned>
struct IntegerExtremes {
  static_assert(std::is_unsigned_v<T>);
  using Lane = T;
  static constexpr std::size_t kExtremes = 2;

  template <std::size_t kExtreme, class D>
  static HWY_INLINE hn::Vec<D> Pick(D d, hn::Vec<D> a, hn::Vec<D> b) {
    if constexpr (kSigned) {
      const hn::RebindToSigned<D> s;
      return hn::BitCast(d, Extreme<kExtreme>(hn::BitCast(s, a), hn::BitCast(s, b)));
    } else {
      return Extreme<kExtreme>(a, b);
    }
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> Key(D d, hn::Vec<D> v) {
    constexpr T kSign = kSigned ? static_cast<T>(T{1} << (sizeof(T) * 8 - 1)) : T{0};
    return hn::Xor(v, hn::Set(d, kSign));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> FromKey(D d, hn::Vec<D> key) {
    return Key(d, key);
  }

 private:
  template <std::size_t kExtreme, class V>
  static HWY_INLINE V Extreme(V a, V b) {
    if constexpr (kExtreme == 0) {
      return hn::Max(a, b);
    } else {
      return hn::Min(a, b);
    }
  }
};

// Extremes [kFrom, kTo) of Kind, one vector each.
template <class Kind, std::size_t kFrom, std::size_t kTo, class D>
struct Extremes {
  using V = hn::Vec<D>;
  static constexpr std::size_t kFirst = kFrom;
  static constexpr std::size_t kEnd = kTo;
  V v[kTo - kFrom];

  // Calls `f` with the number of each extreme, as a constant.
  template <class F>
  static HWY_INLINE void ForEach(F f) {
    ForEachOf(f, std::make_index_sequence<kTo - kFrom>());
  }
  HWY_INLINE void Set(V taken) {
    ForEach([&](auto k) HWY_ATTR { v[k - kFrom] = taken; });
  }
  HWY_INLINE void Include(D d, V taken) {
    ForEach([&](auto k)
                HWY_ATTR { v[k - kFrom] = Kind::template Pick<k>(d, v[k - kFrom], taken); });
  }
  // The extremes of `a` and `b` together, lane by lane.
  static HWY_INLINE Extremes Of(D d, const Extremes& a, const Extremes& b) {
    Extremes both;
    ForEach([&](auto k) HWY_ATTR {
      constexpr std::size_t i = k - kFrom;
      both.v[i] = Kind::template Pick<k>(d, a.v[i], b.v[i]);
    });
    return both;
  }

 private:
  template <class F, std::size_t... kIndex>
  static HWY_INLINE void ForEachOf(F f, std::index_sequence<kIndex...>) {
    (f(std::integral_constant<std::size_t, kFrom + kIndex>()), ...);
  }
};

// The distance from a load to the memory that a loop prefetches, in bytes. The processor's own
// prefetcher does too little where many instructions follow a load. The loops prefetch behind the
// end of the tensor too; that is safe, because a prefetch is no access.
constexpr std::size_t kAhead = 2048;

// Loads a vector from an address of any alignment.
template <class D>
HWY_INLINE hn::Vec<D> LoadLanes(D d, const std::byte* from) {
#if HWY_TARGET == HWY_SCALAR
  hn::TFromD<D> lane;
  std::memcpy(&lane, from, sizeof(lane));
  return hn::Set(d, lane);
#else
  const hn::Repartition<std::uint8_t, D> bytes;
  return hn::BitCast(d, hn::LoadU(bytes, reinterpret_cast<const std::uint8_t*>(from)));
#endif
}

// As LoadLanes, and prefetches the memory that lies `ahead` bytes further.
template <class D>
HWY_INLINE hn::Vec<D> LoadAhead(D d, const std::byte* from, std::size_t ahead = kAhead) {
  hwy::Prefetch(from + ahead);
  return LoadLanes(d, from);
}

// The signs that the elements are expected to have: both, or only one.
enum class Signs {
  kBoth,
  kOne,
};

// The ranges of a tensor's parameters. For each parameter, `max` is the greatest key of its
// elements, and `min` is the greatest complement of a key, i.e. the complement of the least key.
// Zero means that there was no element.
template <class Kind>
struct Ranges {
  using T = typename Kind::Lane;
  T* min;
  T* max;

  // Merges the lanes of `some` into the parameters from `param` on. An extreme is always an
  // element, so it may be merged into both ends.
  template <class Some, class D>
  HWY_INLINE void Merge(D d, std::size_t param, const Some& some) const {
    auto high = hn::LoadU(d, max + param);
    auto low = hn::LoadU(d, min + param);
    Some::ForEach([&](auto k) HWY_ATTR {
      const auto key = Kind::Key(d, some.v[k - Some::kFirst]);
      if constexpr (k != 1 || Some::kFirst != 0) high = hn::Max(high, key);
      if constexpr (k != 0) low = hn::Max(low, hn::Not(key));
    });
    hn::StoreU(high, d, max + param);
    if constexpr (Some::kEnd > 1) hn::StoreU(low, d, min + param);
  }

  // True if all (AllBothSigns) or some (AnyBothSigns) of the lanes' parameters saw elements of both
  // signs.
  template <class D>
  HWY_INLINE bool AllBothSigns(D d, std::size_t param) const {
    const hn::RebindToSigned<D> s;
    return hn::AllTrue(s, hn::Lt(Both(d, param), hn::Zero(s)));
  }
  template <class D>
  HWY_INLINE bool AnyBothSigns(D d, std::size_t param) const {
    const hn::RebindToSigned<D> s;
    return !hn::AllFalse(s, hn::Lt(Both(d, param), hn::Zero(s)));
  }

  // The signs that further elements of `param` probably have, judged by the earlier elements.
  HWY_INLINE Signs Likely(std::size_t param) const {
    constexpr T kSign = static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
    return ((min[param] ^ max[param]) & kSign) != 0 ? Signs::kOne : Signs::kBoth;
  }

 private:
  // Negative in the lanes of the parameters that saw both signs.
  template <class D>
  HWY_INLINE auto Both(D d, std::size_t param) const {
    return hn::BitCast(hn::RebindToSigned<D>(),
                       hn::And(hn::LoadU(d, min + param), hn::LoadU(d, max + param)));
  }
};

// Calls `f` with the dtype's kind of extremes: a FloatExtremes or an IntegerExtremes.
template <class F>
HWY_INLINE void VisitKind(Dtype dtype, F f) {
  switch (dtype) {
    case Dtype::kF64:
      return f(FloatExtremes<std::uint64_t>());
    case Dtype::kF32:
      return f(FloatExtremes<std::uint32_t>());
    case Dtype::kF16:
    case Dtype::kBF16:
      return f(FloatExtremes<std::uint16_t>());
    case Dtype::kF8E4M3:
    case Dtype::kF8E5M2:
      return f(FloatExtremes<std::uint8_t>());
    case Dtype::kI8:
      return f(IntegerExtremes<std::uint8_t, true>());
    case Dtype::kU8:
      return f(IntegerExtremes<std::uint8_t, false>());
    case Dtype::kI16:
      return f(IntegerExtremes<std::uint16_t, true>());
    case Dtype::kI32:
      return f(IntegerExtremes<std::uint32_t, true>());
    case Dtype::kI64:
      return f(IntegerExtremes<std::uint64_t, true>());
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_REDUCE_SIMD_EXTREMES_INL_H_
