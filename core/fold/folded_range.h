#ifndef CALIPERS_CORE_FOLD_FOLDED_RANGE_H_
#define CALIPERS_CORE_FOLD_FOLDED_RANGE_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element.h"

namespace calipers {

struct ElementRange {
  Elements min;
  Elements max;
  friend bool operator==(const ElementRange&, const ElementRange&) = default;
};

/// What an observer answers. F32 in exact arithmetic; in reference arithmetic
/// the records' dtype, F32 where that is an integer.
struct FoldedRange {
  /// One element a parameter: the reference's get_min_max.
  ElementRange range;
  /// One element: the fold of the tensors' own ranges, get_global_min_max of
  /// llm-compressor up to 0.10.
  ElementRange global;
  /// One element: the extremes of `range`, llm-compressor since 0.11. NaN if
  /// any of `range` is, as torch's max() has it.
  ElementRange global_of_range;
};

/// The answer that folded `values` come to, rounded once, to `dtype`. They lie as in a
/// record: min[n], max[n], global min, global max; n is at least 1.
FoldedRange ToFoldedRange(Dtype dtype, absl::Span<const double> values);

/// Widens `range` to hold `other`: the lower of each two minima, the upper of each two maxima, NaN
/// where either is NaN. INVALID_ARGUMENT, and no change, unless dtype and number are the same.
absl::Status Widen(ElementRange& range, const ElementRange& other);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_FOLDED_RANGE_H_
