#ifndef CALIPERS_CORE_FOLD_FOLD_VALUES_H_
#define CALIPERS_CORE_FOLD_FOLD_VALUES_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/args/arithmetic.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// How an element changes the value that was folded so far.
enum class FoldStep {
  kReplace,  // The element replaces the value.
  kLower,    // Lower of value and element (core/fold/extremes.h).
  kUpper,    // Upper of value and element (core/fold/extremes.h).
  kAverage,  // ExactAverage, or the dtype's ReferenceAverage (core/fold/moving_average.h).
};

/// values[i] = step(values[i], element i), in one pass over both, in vectors. `elements` are packed
/// elements of `dtype`, as many as there are values. `c` is the averaging constant. All instruction
/// sets give the same bits. In reference arithmetic an integer is converted to float32 first, as
/// PyTorch promotes it, and F8 is not allowed.
void FoldValues(Dtype dtype, Arithmetic arithmetic, FoldStep step, double c,
                const std::byte* elements, absl::Span<double> values);

/// Highway's name of the instruction set that FoldValues uses.
absl::string_view FoldTargetName();

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_FOLD_VALUES_H_
