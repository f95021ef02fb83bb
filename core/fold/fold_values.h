#ifndef CALIPERS_CORE_FOLD_FOLD_VALUES_H_
#define CALIPERS_CORE_FOLD_FOLD_VALUES_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/args/arithmetic.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// How an element changes the value that was folded before it.
enum class FoldStep {
  kReplace,  // The element alone.
  kLower,    // The lower of the two, by core/fold/extremes.h's Lower.
  kUpper,    // The upper of the two, by its Upper.
  kAverage,  // Its ExactAverage, or the dtype's ReferenceAverage.
};

/// values[i] = step(values[i], element i): one pass over both, in vectors. `elements`
/// are packed, of `dtype`, as many as there are values. `c` is the averaging constant.
/// The same bits on every instruction set. In reference arithmetic an integer enters as
/// float32, which PyTorch promotes it to, and F8 is not allowed.
void FoldValues(Dtype dtype, Arithmetic arithmetic, FoldStep step, double c,
                const std::byte* elements, absl::Span<double> values);

/// Highway's name of the instruction set that FoldValues uses.
absl::string_view FoldTargetName();

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_FOLD_VALUES_H_
