// Per-target code: included once for each instruction set, so no ordinary guard.
#if defined(CALIPERS_CORE_REDUCE_SIMD_SHORT_RUNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_REDUCE_SIMD_SHORT_RUNS_INL_H_
#undef CALIPERS_CORE_REDUCE_SIMD_SHORT_RUNS_INL_H_
#else
#define CALIPERS_CORE_REDUCE_SIMD_SHORT_RUNS_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/reduce/simd/extremes-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

// Many short runs, each a parameter of its own: as many at a time as a vector has
// lanes, of some rows that share their parameters, if they do. Each run is taken down to one
// vector, and the vectors to one, whose lane i is run i: two are interleaved and the halves
// combined, by elements first, then by pairs, fours ... of them, so that the lanes come out in
// order.

#if HWY_TARGET != HWY_SCALAR

// How a run lies in vectors.
enum class Fit {
  kHalf,  // It is half a vector.
  kOne,   // It is a vector.
  kMore,  // It is more than a vector.
};

template <Fit kFit>
using FitConstant = std::integral_constant<Fit, kFit>;

// Runs of `run` elements, one behind the other, in kRows rows of the same parameters.
template <Fit kFit, std::size_t kRows, class D>
struct Runs {
  static constexpr std::size_t kSize = sizeof(hn::TFromD<D>);
  // Whether vectors are made of a half of run i and a half of run i + lanes / 2. That
  // takes the run's halves together without a shuffle.
  static constexpr bool kHalves = kFit != Fit::kMore && hn::MaxLanes(D()) * kSize > 16;
  static constexpr std::size_t kRowsTogether = kRows;
  const std::byte* data;
  std::size_t run;
  std::size_t row_bytes;      // From a row to the next.
  std::size_t ahead_of_rows;  // How far ahead to ask for memory, if there are more than one.

  // As a constant it needs no register an address.
  HWY_INLINE std::size_t Ahead() const { return kRows == 1 ? kAhead : ahead_of_rows; }
  HWY_INLINE Runs<kFit, 1, D> OneRow() const { return {data, run, row_bytes, kAhead}; }

  HWY_INLINE const std::byte* At(std::size_t i) const {
    // As a constant it needs no register an address.
    constexpr std::size_t kRun = kFit == Fit::kHalf ? hn::MaxLanes(D()) / 2 : hn::MaxLanes(D());
    return data + i * (kFit == Fit::kMore ? run : kRun) * kSize;
  }

  // Vector `i` of kHalves, from half `part` of the runs in `row`. Asks ahead for the
  // vectors in the order that they lie in.
  HWY_INLINE hn::Vec<D> Halves(D d, std::size_t i, std::size_t part, std::size_t row) const {
    constexpr std::size_t kParts = kFit == Fit::kHalf ? 1 : 2;
    constexpr std::size_t kBytes = hn::MaxLanes(D()) * kSize;
    const hn::Half<D> half;
    const std::size_t offset = row * row_bytes + part * kBytes / 2;
    hwy::Prefetch(data + Ahead() + row * row_bytes + (kParts * i + part) * kBytes);
    return hn::Combine(d, LoadLanes(half, At(i + hn::Lanes(half)) + offset),
                       LoadLanes(half, At(i) + offset));
  }
};

// Run `i` as one vector; with Runs::kHalves, runs `i` and `i` + lanes / 2 as one half each.
template <class Some, Fit kFit, std::size_t kRows, class D>
HWY_INLINE Some ReduceOne(D d, const Runs<kFit, kRows, D>& runs, std::size_t i) {
  using R = Runs<kFit, kRows, D>;
  const std::size_t lanes = hn::Lanes(d);
  Some some;
  if constexpr (R::kHalves) {
    some.Set(runs.Halves(d, i, 0, 0));
    for (std::size_t row = 0; row < kRows; ++row) {
      if (row > 0) some.Include(d, runs.Halves(d, i, 0, row));
      if (kFit == Fit::kHalf) continue;
      some.Include(d, runs.Halves(d, i, 1, row));
    }
  } else {
    const std::byte* const data = runs.At(i);
    const auto load = [&](const std::byte* from)
                          HWY_ATTR { return LoadAhead(d, from, runs.Ahead()); };
    some.Set(load(data));
    for (std::size_t row = 1; row < kRows; ++row)
      some.Include(d, load(data + row * runs.row_bytes));
    if constexpr (kFit == Fit::kMore) {
      const auto take = [&](std::size_t at) HWY_ATTR {
        for (std::size_t row = 0; row < kRows; ++row) {
          some.Include(d, load(data + row * runs.row_bytes + at * R::kSize));
        }
      };
      std::size_t at = lanes;
      for (; at + lanes <= runs.run; at += lanes) take(at);
      // The rest lies in the last vector; seeing an element twice changes nothing.
      if (at < runs.run) take(runs.run - lanes);
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
template <class Some, std::size_t kRuns, class AllRuns, class D>
HWY_INLINE Some InBlocks(D d, const AllRuns& runs, std::size_t first) {
  if constexpr (kRuns == 1) {
    return ReduceOne<Some>(d, runs, first);
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
template <class Some, class AllRuns, class D>
HWY_INLINE Some LaneARun(D d, const AllRuns& runs) {
  constexpr std::size_t kBlock = 16 / sizeof(hn::TFromD<D>);
  constexpr std::size_t kBlocks = hn::MaxLanes(D()) / kBlock;
  static_assert(kBlocks <= 4);
  const Some a = InBlocks<Some, kBlock>(d, runs, 0);
  if constexpr (kBlocks == 1 || (kBlocks == 2 && AllRuns::kHalves)) return a;
  if constexpr (kBlocks > 1) {
    const Some b = InBlocks<Some, kBlock>(d, runs, kBlock);
    if constexpr (kBlocks == 2) return AcrossHalves(d, a, b);
    const Some ab = AcrossNeighbours(d, a, b);
    if constexpr (AllRuns::kHalves) return ab;
    const Some c = InBlocks<Some, kBlock>(d, runs, 2 * kBlock);
    const Some e = InBlocks<Some, kBlock>(d, runs, 3 * kBlock);
    return AcrossHalves(d, ab, AcrossNeighbours(d, c, e));
  }
}

// Merges extremes [kFrom, kTo) of as many runs as D has lanes into parameters from
// `param` on.
template <std::size_t kFrom, std::size_t kTo, class AllRuns, class Kind, class D>
HWY_INLINE void MergeBatch(D d, const AllRuns& runs, Ranges<Kind> ranges, std::size_t param) {
  using Some = Extremes<Kind, kFrom, kTo, D>;
  ranges.Merge(d, param, LaneARun<Some>(d, runs));
}

// The extreme that a batch lacks whose signs were guessed wrong. Seldom called, and
// apart from the loop so that it takes none of its registers.
template <std::size_t kExtreme, Fit kFit, class Kind, class D>
HWY_NOINLINE void MergeThird(D d, Runs<kFit, 1, D> row, std::size_t rows, Ranges<Kind> ranges,
                             std::size_t param) {
  for (; rows > 0; --rows, row.data += row.row_bytes) {
    MergeBatch<kExtreme, kExtreme + 1>(d, row, ranges, param);
  }
}

// `count` runs from `done` on, at least as many as D has lanes, by the extremes that
// kLikely asks for; up to where the guess was wrong, and corrects it. Returns what is
// done.
template <Signs kLikely, class AllRuns, class Kind, class D>
HWY_NOINLINE std::size_t ReduceBatches(D d, AllRuns runs, std::size_t done, std::size_t count,
                                       Ranges<Kind> ranges, std::size_t param, Signs& likely) {
  const std::size_t lanes = hn::Lanes(d);
  const std::byte* const data = runs.data;
  while (done < count) {
    // The last batch may overlap the one before: that changes nothing.
    const std::size_t first = std::min(done, count - lanes);
    runs.data = data;
    runs.data = runs.At(first);
    // What follows a row is the next one, and that is taken beside it.
    const auto offset = static_cast<std::size_t>(runs.data - data);
    runs.ahead_of_rows =
        kAhead +
        (offset + kAhead < runs.row_bytes ? 0 : (AllRuns::kRowsTogether - 1) * runs.row_bytes);
    done += lanes;
    if constexpr (kLikely == Signs::kOne) {
      MergeBatch<1, 3>(d, runs, ranges, param + first);
      if (!ranges.AnyBothSigns(d, param + first)) continue;
      MergeThird<0>(d, runs.OneRow(), AllRuns::kRowsTogether, ranges, param + first);
      likely = Signs::kBoth;
      break;
    } else {
      MergeBatch<0, 2>(d, runs, ranges, param + first);
      if constexpr (Kind::kExtremes == 3) {
        if (ranges.AllBothSigns(d, param + first)) continue;
        MergeThird<2>(d, runs.OneRow(), AllRuns::kRowsTogether, ranges, param + first);
        if (ranges.AnyBothSigns(d, param + first)) continue;
        likely = Signs::kOne;
        break;
      }
    }
  }
  return done;
}

// All of `runs`, by the extremes that `likely` asks for. Corrects `likely`.
template <class AllRuns, class Kind, class D>
HWY_INLINE void ReduceRuns(D d, const AllRuns& runs, std::size_t count, Ranges<Kind> ranges,
                           std::size_t param, Signs& likely) {
  std::size_t done = 0;
  while (done < count) {
    if constexpr (Kind::kExtremes == 3) {
      if (likely == Signs::kOne) {
        done = ReduceBatches<Signs::kOne>(d, runs, done, count, ranges, param, likely);
        continue;
      }
    }
    done = ReduceBatches<Signs::kBoth>(d, runs, done, count, ranges, param, likely);
  }
}

// True if `count` runs of `run` elements were taken, in each of kRows rows; false if
// there are too few or they are too short or too long to gain by it.
template <std::size_t kRows, class Kind, class D>
HWY_INLINE bool ReduceShortRuns(D d, const std::byte* data, std::size_t count, std::size_t run,
                                std::size_t row_bytes, Ranges<Kind> ranges, std::size_t param,
                                Signs& likely) {
  const std::size_t lanes = hn::Lanes(d);
  if (run > 64 * lanes) return false;
  const auto take = [&](auto fit) HWY_ATTR {
    // Rows share the interleaving. Long runs need fewer of them for that and lose by
    // more; where there are wider vectors, 16 bytes are too rare to be worth the code.
    constexpr bool kNarrow = hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) <
                             std::min<std::size_t>(32, HWY_LANES(std::uint8_t));
    constexpr std::size_t kTogether =
        kNarrow ? 1 : std::min<std::size_t>(kRows, fit.value == Fit::kMore ? 2 : kRows);
    for (std::size_t row = 0; row < kRows; row += kTogether) {
      const Runs<fit.value, kTogether, D> runs{data + row * row_bytes, run, row_bytes, kAhead};
      ReduceRuns(d, runs, count, ranges, param, likely);
    }
    return true;
  };
  if (count >= lanes && run == lanes) return take(FitConstant<Fit::kOne>());
  if (count >= lanes && run > lanes) return take(FitConstant<Fit::kMore>());
  if constexpr (hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) > 16) {
    if (count >= lanes && run == lanes / 2) return take(FitConstant<Fit::kHalf>());
    return ReduceShortRuns<kRows>(hn::Half<D>(), data, count, run, row_bytes, ranges, param,
                                  likely);
  }
  return false;
}

#endif  // HWY_TARGET != HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_REDUCE_SIMD_SHORT_RUNS_INL_H_
