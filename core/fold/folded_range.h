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

/// The answer of an observer. In exact arithmetic its dtype is F64, because the fold runs in
/// float64. In reference arithmetic it is the dtype of the records, or F32 if that is an integer.
struct FoldedRange {
  /// One element for each parameter: the reference's get_min_max.
  ElementRange range;
  /// One element: the fold of the tensors' own ranges. This is get_global_min_max of llm-compressor
  /// up to 0.10.
  ElementRange global;
  /// One element: the extremes of `range`, as in llm-compressor since 0.11. NaN if any element of
  /// `range` is NaN, as in torch's max().
  ElementRange global_of_range;
};

/// The answer for folded `values`. Each value is rounded once, to `dtype`. The values are in the
/// order of a record: min[n], max[n], global min, global max; n is at least 1.
FoldedRange ToFoldedRange(Dtype dtype, absl::Span<const double> values);

/// Widens `range` to hold `other`: each minimum becomes the lower of the two minima, and each
/// maximum the upper of the two maxima; NaN if either is NaN. INVALID_ARGUMENT, without a change,
/// if the dtypes or the numbers of parameters differ.
absl::Status Widen(ElementRange& range, const ElementRange& other);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_FOLDED_RANGE_H_
