#ifndef CALIPERS_CORE_REDUCE_RANGE_SUMMARY_H_
#define CALIPERS_CORE_REDUCE_RANGE_SUMMARY_H_

#include <cstddef>
#include <optional>

#include "absl/types/span.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// Properties of the ranges of all parameters of a tensor.
struct RangeSummary {
  /// True if some parameter has a NaN at either end.
  bool saw_nan = false;
  /// True if some parameter without NaN has an infinity at either end.
  bool saw_inf = false;
  /// The first parameter whose min is above its max; nullopt if no min is above its max.
  std::optional<std::size_t> crossed;
  /// Among the parameters without NaN: the parameter with the least min, and the parameter with the
  /// greatest max. 0 if every parameter has a NaN.
  std::size_t least = 0;
  std::size_t greatest = 0;
};

/// `min` and `max` each hold one packed element for each parameter, and at least one.
RangeSummary Summarize(Dtype dtype, absl::Span<const std::byte> min,
                       absl::Span<const std::byte> max);

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_RANGE_SUMMARY_H_
