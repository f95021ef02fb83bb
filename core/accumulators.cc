#include "core/accumulators.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/accumulators.cc"
// clang-format off
#include "hwy/foreach_target.h"  // before highway.h: includes this file once a target
#include "hwy/highway.h"
#include "core/minmax/extremes-inl.h"
#include "core/minmax/finish-inl.h"
#include "core/minmax/long_run-inl.h"
#include "core/minmax/piece.h"
#include "core/minmax/short_runs-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

template <class Kind>
HWY_NOINLINE void TakePiece(Piece piece, Ranges<Kind> ranges) {
  const hn::ScalableTag<typename Kind::Lane> d;
  const auto take = [&](std::size_t size) HWY_ATTR {
    TakeRun(d, piece.data, size, ranges, piece.param);
    piece.data += size * sizeof(typename Kind::Lane);
    piece.count -= size;
    ++piece.param;
  };
  if (piece.count > 0 && piece.first_run < piece.run) {
    take(std::min(piece.first_run, piece.count));
  }
#if HWY_TARGET != HWY_SCALAR
  const std::size_t whole = piece.count / piece.run;
  if (TakeShortRuns(d, piece.data, whole, piece.run, ranges, piece.param)) {
    piece.data += whole * piece.run * sizeof(typename Kind::Lane);
    piece.count -= whole * piece.run;
    piece.param += whole;
  }
#endif
  while (piece.count > 0) take(std::min(piece.run, piece.count));
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

void TakeOn(Dtype dtype, std::byte* ranges, std::size_t count, const Piece& piece) {
  VisitRanges(dtype, ranges, count, [&](auto of_kind) { TakePiece(piece, of_kind); });
}

Specials FinishOn(Dtype dtype, std::byte* ranges, std::size_t count) {
  Specials specials;
  VisitRanges(dtype, ranges, count, [&](auto of_kind) {
    const decltype(of_kind) global{of_kind.max + count, of_kind.max + count + 1};
    specials = FinishRanges(FloatBitsOf(dtype), of_kind, count, global);
  });
  return specials;
}

// The target that this is compiled for, so that what is reported is what runs.
std::int64_t TargetOn() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <utility>

namespace calipers {
namespace {

HWY_EXPORT(TakeOn);
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

void Accumulators::Take(const std::byte* data, std::int64_t count, std::int64_t param,
                        std::int64_t first_run, std::int64_t run) {
  HWY_DYNAMIC_DISPATCH(TakeOn)
  (dtype_, ranges_.data(), count_,
   {data, static_cast<std::size_t>(count), static_cast<std::size_t>(param),
    static_cast<std::size_t>(first_run), static_cast<std::size_t>(run)});
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
