#include "core/fold/fold_values.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/fold/fold_values.cc"
// clang-format off
#include "hwy/foreach_target.h"  // before highway.h: includes this file once a target
#include "hwy/highway.h"
#include "core/fold/simd/combine-inl.h"
#include "core/fold/simd/load-inl.h"
#include "core/fold/simd/moving_average-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

// Folds the values from `i` on, in whole vectors of D. Returns the first value that is not folded.
template <class Load, class Combine, class D>
HWY_INLINE std::size_t FoldVectors(D d, const Load& load, const Combine& combine,
                                   const std::byte* elements, absl::Span<double> values,
                                   std::size_t i) {
  const std::size_t lanes = hn::Lanes(d);
  for (; i + lanes <= values.size(); i += lanes) {
    const auto element = load(d, elements + i * Load::kBytes);
    double* const value = values.data() + i;
    hn::StoreU(combine(d, hn::LoadU(d, value), element), d, value);
  }
  return i;
}

template <class Load, class Combine>
HWY_INLINE void Fold(const Load& load, const Combine& combine, const std::byte* elements,
                     absl::Span<double> values) {
  const std::size_t rest =
      FoldVectors(hn::ScalableTag<double>(), load, combine, elements, values, 0);
  FoldVectors(hn::CappedTag<double, 1>(), load, combine, elements, values, rest);
}

template <Dtype kDtype, Arithmetic kArithmetic>
HWY_NOINLINE void FoldAs(FoldStep step, double c, const std::byte* elements,
                         absl::Span<double> values) {
  const Load<kDtype, kArithmetic> load;
  switch (step) {
    case FoldStep::kReplace:
      return Fold(load, Newest(), elements, values);
    case FoldStep::kLower:
      return Fold(load, LowerOf(), elements, values);
    case FoldStep::kUpper:
      return Fold(load, UpperOf(), elements, values);
    case FoldStep::kAverage:
      return Fold(load, AverageOf<kDtype, kArithmetic>(c), elements, values);
  }
}

void FoldOn(Dtype dtype, Arithmetic arithmetic, FoldStep step, double c, const std::byte* elements,
            absl::Span<double> values) {
  VisitDtype(dtype, [&](auto constant) {
    if (arithmetic == Arithmetic::kExact) {
      FoldAs<constant(), Arithmetic::kExact>(step, c, elements, values);
    } else if constexpr (constant() != Dtype::kF8E4M3 && constant() != Dtype::kF8E5M2) {
      FoldAs<constant(), Arithmetic::kReference>(step, c, elements, values);
    }
  });
}

// The target that this code is compiled for. So the reported target is the target that runs.
std::int64_t FoldTargetOn() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace calipers {
namespace {

HWY_EXPORT(FoldOn);
HWY_EXPORT(FoldTargetOn);

}  // namespace

void FoldValues(Dtype dtype, Arithmetic arithmetic, FoldStep step, double c,
                const std::byte* elements, absl::Span<double> values) {
  HWY_DYNAMIC_DISPATCH(FoldOn)(dtype, arithmetic, step, c, elements, values);
}

absl::string_view FoldTargetName() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(FoldTargetOn)()); }

}  // namespace calipers
#endif  // HWY_ONCE
