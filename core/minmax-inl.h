// Per-target code: included once for each instruction set, so no ordinary guard.
#if defined(CALIPERS_CORE_MINMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_MINMAX_INL_H_
#undef CALIPERS_CORE_MINMAX_INL_H_
#else
#define CALIPERS_CORE_MINMAX_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Lanes of T at an address of any alignment.
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

// Lane 0 of `v` combined with all others. Halves first, then shifts within the
// last 16 bytes; lanes that a shift fills with zero never reach lane 0.
template <class D, class V, class Op>
HWY_INLINE hn::TFromD<D> ReduceLanes(D d, V v, Op op) {
#if HWY_TARGET == HWY_SCALAR
  (void)d;
  (void)op;
  return hn::GetLane(v);
#else
  if constexpr (hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) > 16) {
    const hn::Half<D> half;
    return ReduceLanes(half, op(half, hn::LowerHalf(half, v), hn::UpperHalf(half, v)), op);
  } else {
    v = op(d, v, hn::ShiftRightBytes<8>(d, v));
    if constexpr (sizeof(hn::TFromD<D>) <= 4) v = op(d, v, hn::ShiftRightBytes<4>(d, v));
    if constexpr (sizeof(hn::TFromD<D>) <= 2) v = op(d, v, hn::ShiftRightBytes<2>(d, v));
    if constexpr (sizeof(hn::TFromD<D>) == 1) v = op(d, v, hn::ShiftRightBytes<1>(d, v));
    return hn::GetLane(v);
  }
#endif
}

struct TakeMax {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Max(a, b);
  }
};
struct TakeMin {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Min(a, b);
  }
};

// Two extremes of integer lanes, held in `accumulator` as {max, min}.
template <typename T>
struct IntegerExtremes {
  using Lane = T;
  static constexpr std::size_t kLanes = 2;

  template <class D>
  struct Vectors {
    hn::Vec<D> max;
    hn::Vec<D> min;
    HWY_INLINE void Set(D, hn::Vec<D> v) { max = min = v; }
    HWY_INLINE void Take(D, hn::Vec<D> v) {
      max = hn::Max(max, v);
      min = hn::Min(min, v);
    }
    HWY_INLINE void Merge(D, const Vectors& other) {
      max = hn::Max(max, other.max);
      min = hn::Min(min, other.min);
    }
    HWY_INLINE void Store(D d, T* accumulator) const {
      accumulator[0] = std::max(accumulator[0], ReduceLanes(d, max, TakeMax()));
      accumulator[1] = std::min(accumulator[1], ReduceLanes(d, min, TakeMin()));
    }
  };
  static HWY_INLINE void TakeOne(T value, T* accumulator) {
    accumulator[0] = std::max(accumulator[0], value);
    accumulator[1] = std::min(accumulator[1], value);
  }
};

// Three extremes of a float's bits, held as {smax, umax, umin}.
template <typename T>
struct SignMagnitudeExtremes {
  using Lane = T;
  using Signed = std::make_signed_t<T>;
  static constexpr std::size_t kLanes = 3;

  template <class D>
  struct Vectors {
    using DSigned = hn::RebindToSigned<D>;
    hn::Vec<DSigned> smax;
    hn::Vec<D> umax;
    hn::Vec<D> umin;
    HWY_INLINE void Set(D, hn::Vec<D> v) {
      smax = hn::BitCast(DSigned(), v);
      umax = umin = v;
    }
    HWY_INLINE void Take(D, hn::Vec<D> v) {
      smax = hn::Max(smax, hn::BitCast(DSigned(), v));
      umax = hn::Max(umax, v);
      umin = hn::Min(umin, v);
    }
    HWY_INLINE void Merge(D, const Vectors& other) {
      smax = hn::Max(smax, other.smax);
      umax = hn::Max(umax, other.umax);
      umin = hn::Min(umin, other.umin);
    }
    HWY_INLINE void Store(D d, T* accumulator) const {
      const Signed signed_max = ReduceLanes(DSigned(), smax, TakeMax());
      accumulator[0] = static_cast<T>(std::max(static_cast<Signed>(accumulator[0]), signed_max));
      accumulator[1] = std::max(accumulator[1], ReduceLanes(d, umax, TakeMax()));
      accumulator[2] = std::min(accumulator[2], ReduceLanes(d, umin, TakeMin()));
    }
  };
  static HWY_INLINE void TakeOne(T value, T* accumulator) {
    accumulator[0] =
        static_cast<T>(std::max(static_cast<Signed>(accumulator[0]), static_cast<Signed>(value)));
    accumulator[1] = std::max(accumulator[1], value);
    accumulator[2] = std::min(accumulator[2], value);
  }
};

// `count` elements into one accumulator, in vectors of at most D's size.
template <class Extremes, class D>
HWY_INLINE void TakeRun(D d, const std::byte* data, std::size_t count,
                        typename Extremes::Lane* accumulator) {
  using T = typename Extremes::Lane;
  const std::size_t lanes = hn::Lanes(d);
  if (count < lanes) {
    if constexpr (hn::MaxLanes(D()) * sizeof(T) > 16) {
      TakeRun<Extremes>(hn::Half<D>(), data, count, accumulator);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        T value;
        std::memcpy(&value, data + i * sizeof(T), sizeof(T));
        Extremes::TakeOne(value, accumulator);
      }
    }
    return;
  }
  const auto load = [&](std::size_t at) HWY_ATTR { return LoadLanes(d, data + at * sizeof(T)); };
  typename Extremes::template Vectors<D> a;
  a.Set(d, load(0));
  std::size_t at = lanes;
  // A vector's min and max wait for those before them; four chains keep the
  // ports busy meanwhile. Fewer than two rounds would not pay for the merge.
  if (count >= 12 * lanes) {
    auto b = a;
    auto c = a;
    auto e = a;
    for (; at + 4 * lanes <= count; at += 4 * lanes) {
      a.Take(d, load(at));
      b.Take(d, load(at + lanes));
      c.Take(d, load(at + 2 * lanes));
      e.Take(d, load(at + 3 * lanes));
    }
    b.Merge(d, e);
    a.Merge(d, c);
    a.Merge(d, b);
  }
  for (; at + lanes <= count; at += lanes) a.Take(d, load(at));
  // The rest lies in the last vector; seeing an element twice changes nothing.
  if (at < count) a.Take(d, load(count - lanes));
  a.Store(d, accumulator);
}

template <class Extremes>
HWY_NOINLINE void TakeRuns(const std::byte* data, std::size_t count, std::size_t first_run,
                           std::size_t run, std::byte* accumulators) {
  using T = typename Extremes::Lane;
  const hn::ScalableTag<T> d;
  auto* accumulator = reinterpret_cast<T*>(accumulators);
  std::size_t size = std::min(first_run, count);
  while (count > 0) {
    TakeRun<Extremes>(d, data, size, accumulator);
    data += size * sizeof(T);
    count -= size;
    accumulator += Extremes::kLanes;
    size = std::min(run, count);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_MINMAX_INL_H_
