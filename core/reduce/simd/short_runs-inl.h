// Per-target code. It is included once for each instruction set, so it has no ordinary guard.
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

// The reduction of many short runs, each with its own parameter. A batch has as many runs as a
// vector has lanes, and may include several rows that share their parameters. First, each run is
// reduced to one vector. Then these vectors are reduced to one vector, whose lane i belongs to run
// i: two vectors are interleaved, and the halves are combined. This is done by single elements
// first, then by pairs, by fours and so on, which leaves the lanes in order.

#if HWY_TARGET != HWY_SCALAR

// The size of a run.
enum class Fit {
  kHalf,  // Half a vector.
  kOne,   // One vector.
  kMore,  // More than one vector.
};

template <Fit kFit>
using FitConstant = std::integral_constant<Fit, kFit>;

// Runs of `run` elements, one after the other, in kRows rows that share their parameters.
template <Fit kFit, std::size_t kRows, class D>
struct Runs {
  static constexpr std::size_t kSize = sizeof(hn::TFromD<D>);
  // True if each vector is made of a half of run i and a half of run i + lanes / 2. Then the halves
  // of a run are combined without a shuffle.
  static constexpr bool kHalves = kFit != Fit::kMore && hn::MaxLanes(D()) * kSize > 16;
  static constexpr std::size_t kRowsTogether = kRows;
  const std::byte* data;
  std::size_t run;
  std::size_t row_bytes;      // From one row to the next.
  std::size_t ahead_of_rows;  // The prefetch distance if there is more than one row.

  // A constant needs no register for each address.
  HWY_INLINE std::size_t Ahead() const { return kRows == 1 ? kAhead : ahead_of_rows; }
  HWY_INLINE Runs<kFit, 1, D> OneRow() const { return {data, run, row_bytes, kAhead}; }

  HWY_INLINE const std::byte* At(std::size_t i) const {
    // A constant needs no register for each address.
    constexpr std::size_t kRun = kFit == Fit::kHalf ? hn::MaxLanes(D()) / 2 : hn::MaxLanes(D());
    return data + i * (kFit == Fit::kMore ? run : kRun) * kSize;
  }

  // If kHalves: vector `i`, made from half `part` of the runs in `row`. Prefetches the vectors in
  // the order of their addresses.
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

// Reduces run `i` to one vector. With Runs::kHalves, reduces runs `i` and `i` + lanes / 2 to one
// half each.
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
      // The last vector of the run holds the rest. It may hold elements a second time, which
      // changes nothing.
      if (at < runs.run) take(runs.run - lanes);
    }
  }
  return some;
}

// Combines the lower and the upper half of every 16 bytes, in `a` and in `b`, so that each of them
// needs half the width. The result has pairs of lanes of kBytes: the first from `a`, the second
// from `b`.
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

// Runs [first, first + kRuns) in one vector. In every 16 bytes, the lanes belong to these runs in
// turn.
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

// Combines each 16-byte block of `a` and of `b` with the block beside it. The blocks of the result
// are [a, b, a, b].
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

// The lower halves of `a` and `b`, combined with the upper halves.
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

// The extremes of the runs: lane i belongs to run i.
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

// Merges the extremes [kFrom, kTo) of as many runs as D has lanes into the parameters from `param`
// on.
template <std::size_t kFrom, std::size_t kTo, class AllRuns, class Kind, class D>
HWY_INLINE void MergeBatch(D d, const AllRuns& runs, Ranges<Kind> ranges, std::size_t param) {
  using Some = Extremes<Kind, kFrom, kTo, D>;
  ranges.Merge(d, param, LaneARun<Some>(d, runs));
}

// Merges the third extreme of a batch whose signs were guessed wrong. It is seldom called. It is
// apart from the loop, so that it takes none of the loop's registers.
template <std::size_t kExtreme, Fit kFit, class Kind, class D>
HWY_NOINLINE void MergeThird(D d, Runs<kFit, 1, D> row, std::size_t rows, Ranges<Kind> ranges,
                             std::size_t param) {
  for (; rows > 0; --rows, row.data += row.row_bytes) {
    MergeBatch<kExtreme, kExtreme + 1>(d, row, ranges, param);
  }
}

// Reduces the runs from `done` to `count`, with the extremes that are right for kLikely. `count` is
// at least D's number of lanes. A batch whose signs were guessed wrong gets the third extreme. If
// the other guess suits that batch better, sets `likely` and stops. Returns the number of runs that
// are done.
template <Signs kLikely, class AllRuns, class Kind, class D>
HWY_NOINLINE std::size_t ReduceBatches(D d, AllRuns runs, std::size_t done, std::size_t count,
                                       Ranges<Kind> ranges, std::size_t param, Signs& likely) {
  const std::size_t lanes = hn::Lanes(d);
  const std::byte* const data = runs.data;
  while (done < count) {
    // The last batch may overlap the batch before it, which changes nothing.
    const std::size_t first = std::min(done, count - lanes);
    runs.data = data;
    runs.data = runs.At(first);
    // Rows are read side by side. Near the end of a row, kAhead reaches into the next row, which is
    // read anyway. Then the prefetch skips the rows that are read together.
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

// Reduces all `runs`, with the extremes that are right for `likely`. Corrects `likely`.
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

// Reduces `count` runs of `run` elements in each of kRows rows, and returns true. Returns false if
// there are too few runs, or if they are too short or too long for a gain.
template <std::size_t kRows, class Kind, class D>
HWY_INLINE bool ReduceShortRuns(D d, const std::byte* data, std::size_t count, std::size_t run,
                                std::size_t row_bytes, Ranges<Kind> ranges, std::size_t param,
                                Signs& likely) {
  const std::size_t lanes = hn::Lanes(d);
  if (run > 64 * lanes) return false;
  const auto take = [&](auto fit) HWY_ATTR {
    // Rows that are taken together share the interleaving. For long runs it is enough to take two
    // rows together, and more would be slower. If the target has wider vectors, 16-byte vectors are
    // too rare to be worth the code for several rows.
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
