#ifndef CALIPERS_CORE_REDUCE_RANGE_SUMMARY_H_
#define CALIPERS_CORE_REDUCE_RANGE_SUMMARY_H_

#include <cstddef>
#include <optional>

#include "absl/types/span.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// What the ranges of a tensor's parameters come to together.
struct RangeSummary {
  /// Some parameter has a NaN at either end.
  bool saw_nan = false;
  /// Some parameter without NaN ends at an infinity.
  bool saw_inf = false;
  /// The first parameter whose min is above its max.
  std::optional<std::size_t> crossed;
  /// The parameter with the least min, and that with the greatest max, of those without
  /// NaN; 0 if there is none.
  std::size_t least = 0;
  std::size_t greatest = 0;
};

/// `min` and `max`: one element a parameter, packed, as many of each, at least one.
RangeSummary Summarize(Dtype dtype, absl::Span<const std::byte> min,
                       absl::Span<const std::byte> max);

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_RANGE_SUMMARY_H_
