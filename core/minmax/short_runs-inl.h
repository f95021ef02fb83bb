// Per-target code: included once for each instruction set, so no ordinary guard.
#if defined(CALIPERS_CORE_MINMAX_SHORT_RUNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_MINMAX_SHORT_RUNS_INL_H_
#undef CALIPERS_CORE_MINMAX_SHORT_RUNS_INL_H_
#else
#define CALIPERS_CORE_MINMAX_SHORT_RUNS_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "core/minmax/extremes-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

// Many short runs, each a parameter of its own: as many at a time as a vector has
// lanes. Each run is taken down to one vector, and the vectors to one, whose lane i
// is run i: two are interleaved and the halves combined, by elements first, then by
// pairs, fours ... of them, so that the lanes come out in order.

#if HWY_TARGET != HWY_SCALAR

// How a run lies in vectors.
enum class Fit {
  kHalf,  // It is half a vector: run i is the lower half, run i + lanes / 2 the upper.
  kOne,   // It is a vector.
  kMore,  // It is more than a vector.
};

template <Fit kFit>
using FitConstant = std::integral_constant<Fit, kFit>;

// Runs of `run` elements, one behind the other.
template <Fit kFit, class D>
struct Runs {
  static constexpr std::size_t kSize = sizeof(hn::TFromD<D>);
  const std::byte* data;
  std::size_t run;

  HWY_INLINE const std::byte* At(std::size_t i) const {
    // As a constant it needs no register an address.
    constexpr std::size_t kRun = kFit == Fit::kHalf ? hn::MaxLanes(D()) / 2 : hn::MaxLanes(D());
    return data + i * (kFit == Fit::kMore ? run : kRun) * kSize;
  }
};

// Run `i` as one vector.
template <class Some, Fit kFit, class D>
HWY_INLINE Some TakeOne(D d, const Runs<kFit, D>& runs, std::size_t i) {
  const std::size_t lanes = hn::Lanes(d);
  Some some;
  if constexpr (kFit == Fit::kHalf) {
    const hn::Half<D> half;
    some.Set(hn::Combine(d, LoadLanes(half, runs.At(i + lanes / 2)), LoadLanes(half, runs.At(i))));
  } else {
    const std::byte* const data = runs.At(i);
    some.Set(LoadLanes(d, data));
    if constexpr (kFit == Fit::kMore) {
      // The last vector may overlap the one before: that changes nothing.
      for (std::size_t at = lanes; at < runs.run; at += lanes) {
        some.Take(d, LoadLanes(d, data + std::min(at, runs.run - lanes) * Runs<kFit, D>::kSize));
      }
    }
  }
  return some;
}

// Halves the width of what `a` and `b` hold: lanes of kBytes become pairs, the first
// from `a`, the second from `b`, within each 16 bytes.
template <std::size_t kBytes, class Some, class D>
HWY_INLINE Some Interleaved(D d, const Some& a, const Some& b) {
  const hn::Repartition<hwy::UnsignedFromSize<kBytes>, D> wide;
  Some lower;
  Some upper;
  Some::ForEach([&](auto k) HWY_ATTR {
    constexpr std::size_t i = k - Some::kFirst;
    const auto x = hn::BitCast(wide, a.v[i]);
    const auto y = hn::BitCast(wide, b.v[i]);
    lower.v[i] = hn::BitCast(d, hn::InterleaveLower(wide, x, y));
    upper.v[i] = hn::BitCast(d, hn::InterleaveUpper(wide, x, y));
  });
  return Some::Of(d, lower, upper);
}

// Runs [first, first + kRuns): in every 16 bytes, kRuns equal parts, one a run.
template <class Some, std::size_t kRuns, Fit kFit, class D>
HWY_INLINE Some InBlocks(D d, const Runs<kFit, D>& runs, std::size_t first) {
  if constexpr (kRuns == 1) {
    return TakeOne<Some>(d, runs, first);
  } else {
    const Some a = InBlocks<Some, kRuns / 2>(d, runs, first);
    const Some b = InBlocks<Some, kRuns / 2>(d, runs, first + kRuns / 2);
    return Interleaved<sizeof(hn::TFromD<D>) * kRuns / 2>(d, a, b);
  }
}

// Of two vectors of runs in blocks: [a, b, a, b], each combined with the block that
// was beside it.
template <class Some, class D>
HWY_INLINE Some AcrossNeighbours(D d, const Some& a, const Some& b) {
  Some straight;
  Some crossed;
  Some::ForEach([&](auto k) HWY_ATTR {
    constexpr std::size_t i = k - Some::kFirst;
    straight.v[i] = hn::OddEvenBlocks(b.v[i], a.v[i]);
    crossed.v[i] = hn::SwapAdjacentBlocks(hn::OddEvenBlocks(a.v[i], b.v[i]));
  });
  return Some::Of(d, straight, crossed);
}

// The lower halves of `a` and `b`, combined with the upper.
template <class Some, class D>
HWY_INLINE Some AcrossHalves(D d, const Some& a, const Some& b) {
  Some lower;
  Some upper;
  Some::ForEach([&](auto k) HWY_ATTR {
    constexpr std::size_t i = k - Some::kFirst;
    lower.v[i] = hn::ConcatLowerLower(d, b.v[i], a.v[i]);
    upper.v[i] = hn::ConcatUpperUpper(d, b.v[i], a.v[i]);
  });
  return Some::Of(d, lower, upper);
}

// Lane i: extremes of run i.
template <class Some, Fit kFit, class D>
HWY_INLINE Some LaneARun(D d, const Runs<kFit, D>& runs) {
  constexpr std::size_t kBlock = 16 / sizeof(hn::TFromD<D>);
  constexpr std::size_t kBlocks = hn::MaxLanes(D()) / kBlock;
  static_assert(kBlocks <= 4);
  const Some a = InBlocks<Some, kBlock>(d, runs, 0);
  if constexpr (kBlocks == 1 || (kBlocks == 2 && kFit == Fit::kHalf)) return a;
  if constexpr (kBlocks > 1) {
    const Some b = InBlocks<Some, kBlock>(d, runs, kBlock);
    if constexpr (kBlocks == 2) return AcrossHalves(d, a, b);
    const Some ab = AcrossNeighbours(d, a, b);
    if constexpr (kFit == Fit::kHalf) return ab;
    const Some c = InBlocks<Some, kBlock>(d, runs, 2 * kBlock);
    const Some e = InBlocks<Some, kBlock>(d, runs, 3 * kBlock);
    return AcrossHalves(d, ab, AcrossNeighbours(d, c, e));
  }
}

// Merges extremes [kFrom, kTo) of as many runs as D has lanes into parameters from
// `param` on.
template <std::size_t kFrom, std::size_t kTo, class Kind, Fit kFit, class D>
HWY_INLINE void MergeBatch(D d, const Runs<kFit, D>& runs, Ranges<Kind> ranges, std::size_t param) {
  using Some = Extremes<Kind, kFrom, kTo, D>;
  const Some some = LaneARun<Some>(d, runs);
  Some::ForEach([&](auto k) HWY_ATTR { ranges.template Merge<k>(d, param, some.v[k - kFrom]); });
}

// What a batch needs whose parameters did not all see both signs. Seldom called, and
// apart from the loop so that it takes none of its registers.
template <class Kind, Fit kFit, class D>
HWY_NOINLINE void MergeRest(D d, const Runs<kFit, D>& runs, Ranges<Kind> ranges,
                            std::size_t param) {
  MergeBatch<Kind::kAlways, Kind::kExtremes>(d, runs, ranges, param);
}

// `count` runs, at least as many as D has lanes.
template <Fit kFit, class Kind, class D>
HWY_NOINLINE void TakeBatches(D d, const Runs<kFit, D>& runs, std::size_t count,
                              Ranges<Kind> ranges, std::size_t param) {
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t done = 0; done < count; done += lanes) {
    // The last batch may overlap the one before: that changes nothing.
    const std::size_t first = std::min(done, count - lanes);
    const Runs<kFit, D> batch{runs.At(first), runs.run};
    MergeBatch<0, Kind::kAlways>(d, batch, ranges, param + first);
    if constexpr (Kind::kExtremes > Kind::kAlways) {
      if (!ranges.BothSigns(d, param + first)) MergeRest(d, batch, ranges, param + first);
    }
  }
}

// True if `count` runs of `run` elements were taken; false if there are too few or
// they are too short or too long to gain by it.
template <class Kind, class D>
HWY_INLINE bool TakeShortRuns(D d, const std::byte* data, std::size_t count, std::size_t run,
                              Ranges<Kind> ranges, std::size_t param) {
  const std::size_t lanes = hn::Lanes(d);
  if (run > 64 * lanes) return false;
  const auto take = [&](auto fit) HWY_ATTR {
    TakeBatches<fit.value>(d, Runs<fit.value, D>{data, run}, count, ranges, param);
    return true;
  };
  if (count >= lanes && run == lanes) return take(FitConstant<Fit::kOne>());
  if (count >= lanes && run > lanes) return take(FitConstant<Fit::kMore>());
  if constexpr (hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) > 16) {
    if (count >= lanes && run == lanes / 2) return take(FitConstant<Fit::kHalf>());
    return TakeShortRuns(hn::Half<D>(), data, count, run, ranges, param);
  }
  return false;
}

#endif  // HWY_TARGET != HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_MINMAX_SHORT_RUNS_INL_H_
