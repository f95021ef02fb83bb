#include "core/reduce/range_summary.h"

#include <cmath>
#include <type_traits>

#include "core/tensor/element_load.h"

namespace calipers {
namespace {

template <typename T>
bool Nan([[maybe_unused]] T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
  return false;
}

template <typename T>
bool Inf([[maybe_unused]] T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isinf(value);
  return false;
}

// The order of a record's values: -0.0 below +0.0.
template <typename T>
bool Below(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a == b) return std::signbit(a) && !std::signbit(b);
  }
  return a < b;
}

template <Dtype kDtype>
RangeSummary SummarizeAs(absl::Span<const std::byte> min, absl::Span<const std::byte> max) {
  constexpr std::size_t kSize = kElementBytes<kDtype>;
  const auto low_of = [&](std::size_t i) { return LoadExactly<kDtype>(min.data() + i * kSize); };
  const auto high_of = [&](std::size_t i) { return LoadExactly<kDtype>(max.data() + i * kSize); };
  RangeSummary summary;
  bool any = false;
  for (std::size_t i = 0; i * kSize < min.size(); ++i) {
    const auto low = low_of(i);
    const auto high = high_of(i);
    if (Nan(low) || Nan(high)) {
      summary.saw_nan = true;
      continue;
    }
    summary.saw_inf |= Inf(low) || Inf(high);
    if (!summary.crossed && Below(high, low)) summary.crossed = i;
    if (!any || Below(low, low_of(summary.least))) summary.least = i;
    if (!any || Below(high_of(summary.greatest), high)) summary.greatest = i;
    any = true;
  }
  return summary;
}

}  // namespace

RangeSummary Summarize(Dtype dtype, absl::Span<const std::byte> min,
                       absl::Span<const std::byte> max) {
  RangeSummary summary;
  VisitDtype(dtype, [&](auto constant) { summary = SummarizeAs<constant()>(min, max); });
  return summary;
}

}  // namespace calipers
