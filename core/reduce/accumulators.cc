#include "core/reduce/accumulators.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/reduce/accumulators.cc"
// clang-format off
#include "hwy/foreach_target.h"  // before highway.h: includes this file once a target
#include "hwy/highway.h"
#include "core/reduce/simd/extremes-inl.h"
#include "core/reduce/simd/finish-inl.h"
#include "core/reduce/simd/long_run-inl.h"
#include "core/reduce/simd/piece.h"
#include "core/reduce/simd/short_runs-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

// Reduces the first kRows rows of the piece.
template <std::size_t kRows, class Kind>
HWY_INLINE void ReduceRows(Piece piece, Ranges<Kind> ranges, Signs& likely) {
  const hn::ScalableTag<typename Kind::Lane> d;
  const std::size_t row_bytes = piece.count * sizeof(typename Kind::Lane);
  const auto skip = [&](std::size_t runs, std::size_t size) {
    piece.data += size * sizeof(typename Kind::Lane);
    piece.count -= size;
    piece.param += runs;
  };
  const auto take = [&](std::size_t size) HWY_ATTR {
    for (std::size_t row = 0; row < kRows; ++row) {
      ReduceRun(d, piece.data + row * row_bytes, size, ranges, piece.param, likely);
    }
    skip(1, size);
  };
  if (piece.count > 0 && piece.first_run < piece.run) {
    take(std::min(piece.first_run, piece.count));
  }
#if HWY_TARGET != HWY_SCALAR
  const std::size_t whole = piece.count / piece.run;
  if (ReduceShortRuns<kRows>(d, piece.data, whole, piece.run, row_bytes, ranges, piece.param,
                             likely)) {
    skip(whole, whole * piece.run);
  }
#endif
  while (piece.count > 0) take(std::min(piece.run, piece.count));
}

template <class Kind>
HWY_NOINLINE void ReducePiece(Piece piece, Ranges<Kind> ranges) {
  Signs likely = ranges.Likely(piece.param);
  const auto take = [&](auto rows) HWY_ATTR {
    ReduceRows<rows>(piece, ranges, likely);
    piece.data += rows * piece.count * sizeof(typename Kind::Lane);
    piece.rows -= rows;
  };
  // Only for floats of up to 32 bits: tensors of models seldom have another dtype, and this is a
  // large part of this file's code.
  if constexpr (Kind::kExtremes == 3 && sizeof(typename Kind::Lane) <= 4) {
    while (piece.rows >= 4) take(std::integral_constant<std::size_t, 4>());
  }
  while (piece.rows >= 1) take(std::integral_constant<std::size_t, 1>());
}

// Calls `f` with the Ranges of `count` parameters that begin at `ranges`.
template <class F>
HWY_INLINE void VisitRanges(Dtype dtype, std::byte* ranges, std::size_t count, F f) {
  VisitKind(dtype, [&](auto kind) {
    using Kind = decltype(kind);
    auto* const lanes = reinterpret_cast<typename Kind::Lane*>(ranges);
    f(Ranges<Kind>{lanes, lanes + count});
  });
}

void ReduceOn(Dtype dtype, std::byte* ranges, std::size_t count, const Piece& piece) {
  VisitRanges(dtype, ranges, count, [&](auto of_kind) { ReducePiece(piece, of_kind); });
}

Specials FinishOn(Dtype dtype, std::byte* ranges, std::size_t count) {
  Specials specials;
  VisitRanges(dtype, ranges, count, [&](auto of_kind) {
    const decltype(of_kind) global{of_kind.max + count, of_kind.max + count + 1};
    specials = FinishRanges(FloatBitsOf(dtype), of_kind, count, global);
  });
  return specials;
}

// The target that this code is compiled for. So the reported target is the target that runs.
std::int64_t TargetOn() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <utility>

namespace calipers {
namespace {

HWY_EXPORT(ReduceOn);
HWY_EXPORT(FinishOn);
HWY_EXPORT(TargetOn);

}  // namespace

std::size_t Accumulators::Bytes(Dtype dtype, std::size_t count) {
  return 2 * (count + 1) * ByteSize(dtype);
}

Accumulators::Accumulators(Dtype dtype, std::int64_t count)
    : dtype_(dtype),
      count_(static_cast<std::size_t>(count)),
      ranges_(count_ == 0 ? 0 : Bytes(dtype, count_)) {}

void Accumulators::Reduce(const std::byte* data, std::int64_t count, std::int64_t param,
                          std::int64_t first_run, std::int64_t run, std::int64_t rows) {
  HWY_DYNAMIC_DISPATCH(ReduceOn)
  (dtype_, ranges_.data(), count_,
   {data, static_cast<std::size_t>(rows), static_cast<std::size_t>(count),
    static_cast<std::size_t>(param), static_cast<std::size_t>(first_run),
    static_cast<std::size_t>(run)});
}

Accumulators::Finished Accumulators::Finish() && {
  const Specials specials = HWY_DYNAMIC_DISPATCH(FinishOn)(dtype_, ranges_.data(), count_);
  return {std::move(ranges_), specials};
}

absl::string_view Accumulators::TargetName() {
  return hwy::TargetName(HWY_DYNAMIC_DISPATCH(TargetOn)());
}

}  // namespace calipers
#endif  // HWY_ONCE
