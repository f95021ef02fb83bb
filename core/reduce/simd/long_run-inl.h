// Per-target code. It is included once for each instruction set, so it has no ordinary guard.
#if defined(CALIPERS_CORE_REDUCE_SIMD_LONG_RUN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_REDUCE_SIMD_LONG_RUN_INL_H_
#undef CALIPERS_CORE_REDUCE_SIMD_LONG_RUN_INL_H_
#else
#define CALIPERS_CORE_REDUCE_SIMD_LONG_RUN_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/reduce/simd/extremes-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

// The reduction of one parameter's run. All vectors are combined into one vector, and then the
// lanes of that vector are combined.

// Extreme kExtreme of all lanes of `v`. Combines halves of the vector until 16 bytes are left, and
// then shifted copies of these 16 bytes. The zeros that a shift inserts never reach lane 0.
template <class Kind, std::size_t kExtreme, class D>
HWY_INLINE hn::TFromD<D> AcrossLanes(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    (void)d;
    return hn::GetLane(v);
  }
#if HWY_TARGET != HWY_SCALAR
  constexpr std::size_t kSize = sizeof(hn::TFromD<D>);
  if constexpr (hn::MaxLanes(D()) * kSize > 16) {
    const hn::Half<D> half;
    const auto lower = hn::LowerHalf(half, v);
    return AcrossLanes<Kind, kExtreme>(
        half, Kind::template Pick<kExtreme>(half, lower, hn::UpperHalf(half, v)));
  } else {
    v = Kind::template Pick<kExtreme>(d, v, hn::ShiftRightBytes<8>(d, v));
    if constexpr (kSize <= 4) v = Kind::template Pick<kExtreme>(d, v, hn::ShiftRightBytes<4>(d, v));
    if constexpr (kSize <= 2) v = Kind::template Pick<kExtreme>(d, v, hn::ShiftRightBytes<2>(d, v));
    if constexpr (kSize == 1) v = Kind::template Pick<kExtreme>(d, v, hn::ShiftRightBytes<1>(d, v));
    return hn::GetLane(v);
  }
#endif
}

// Reduces `count` elements, at least one vector, into `param`, with extremes [kFrom, kTo).
template <std::size_t kFrom, std::size_t kTo, class Kind, class D>
HWY_INLINE void ReduceVectors(D d, const std::byte* data, std::size_t count, Ranges<Kind> ranges,
                              std::size_t param) {
  using T = typename Kind::Lane;
  using Some = Extremes<Kind, kFrom, kTo, D>;
  const std::size_t lanes = hn::Lanes(d);
  const auto load = [&](std::size_t at) HWY_ATTR { return LoadAhead(d, data + at * sizeof(T)); };
  Some a;
  a.Set(load(0));
  std::size_t at = lanes;
  // Each vector's extremes depend on those of the vector before it. Four independent chains keep
  // the execution ports busy meanwhile. With fewer than two rounds, the gain would be less than the
  // cost of the merge.
  if (count >= 12 * lanes) {
    Some b = a;
    Some c = a;
    Some e = a;
    for (; at + 4 * lanes <= count; at += 4 * lanes) {
      a.Include(d, load(at));
      b.Include(d, load(at + lanes));
      c.Include(d, load(at + 2 * lanes));
      e.Include(d, load(at + 3 * lanes));
    }
    a = Some::Of(d, Some::Of(d, a, b), Some::Of(d, c, e));
  }
  for (; at + lanes <= count; at += lanes) a.Include(d, load(at));
  // The last vector of the run holds the rest. It may hold elements a second time, which changes
  // nothing.
  if (at < count) a.Include(d, load(count - lanes));
  const hn::CappedTag<T, 1> one;
  Extremes<Kind, kFrom, kTo, hn::CappedTag<T, 1>> last;
  Some::ForEach([&](auto k) HWY_ATTR {
    last.v[k - kFrom] = hn::Set(one, AcrossLanes<Kind, k>(d, a.v[k - kFrom]));
  });
  ranges.Merge(one, param, last);
}

// As ReduceVectors, with the two extremes that are right for `likely`. If `likely` was wrong, takes
// the third extreme too and corrects `likely`.
template <class Kind, class D>
HWY_INLINE void ReduceByGuess(D d, const std::byte* data, std::size_t count, Ranges<Kind> ranges,
                              std::size_t param, Signs& likely) {
  const hn::CappedTag<typename Kind::Lane, 1> one;
  if (likely == Signs::kBoth) {
    ReduceVectors<0, 2>(d, data, count, ranges, param);
    if (ranges.AllBothSigns(one, param)) return;
    ReduceVectors<2, 3>(d, data, count, ranges, param);
    likely = Signs::kOne;
  } else {
    ReduceVectors<1, 3>(d, data, count, ranges, param);
    if (!ranges.AllBothSigns(one, param)) return;
    ReduceVectors<0, 1>(d, data, count, ranges, param);
    likely = Signs::kBoth;
  }
}

// Reduces `count` elements into one parameter, in vectors of at most D's size.
template <class Kind, class D>
HWY_INLINE void ReduceRun(D d, const std::byte* data, std::size_t count, Ranges<Kind> ranges,
                          std::size_t param, Signs& likely) {
  using T = typename Kind::Lane;
  const std::size_t lanes = hn::Lanes(d);
  if (count < lanes) {
    if constexpr (hn::MaxLanes(D()) * sizeof(T) > 16) {
      ReduceRun(hn::Half<D>(), data, count, ranges, param, likely);
    } else {
      const hn::CappedTag<T, 1> one;
      for (std::size_t i = 0; i < count; ++i) {
        ReduceVectors<0, Kind::kExtremes>(one, data + i * sizeof(T), 1, ranges, param);
      }
    }
    return;
  }
  if constexpr (Kind::kExtremes == 3) {
    // A stretch is so short that it is still in the first-level cache if it must be read again. The
    // first stretch is shorter: it mostly shows both signs, and then the rest needs no guess.
    constexpr std::size_t kStretch = 32768 / sizeof(T);
    std::size_t stretch = likely == Signs::kBoth ? 16 * lanes : kStretch;
    while (!ranges.AllBothSigns(hn::CappedTag<T, 1>(), param)) {
      const std::size_t size = count < stretch + lanes ? count : stretch;
      ReduceByGuess(d, data, size, ranges, param, likely);
      if (size == count) return;
      data += size * sizeof(T);
      count -= size;
      stretch = kStretch;
    }
  }
  ReduceVectors<0, 2>(d, data, count, ranges, param);
}

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_REDUCE_SIMD_LONG_RUN_INL_H_
