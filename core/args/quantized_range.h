#ifndef CALIPERS_CORE_ARGS_QUANTIZED_RANGE_H_
#define CALIPERS_CORE_ARGS_QUANTIZED_RANGE_H_

#include "absl/status/statusor.h"
#include "core/args/quantization_args.h"

namespace calipers {

/// The least and the greatest quantized value, compressed-tensors' calculate_range:
/// -2^(n-1) and 2^(n-1) - 1 for integers of n bits, the finite extremes of E2M1 (6), E2M3
/// (7.5) and E4M3 (448) for floats of 4, 6 and 8 bits.
struct QuantizedRange {
  double lowest = 0;
  double greatest = 0;

  double width() const { return greatest - lowest; }
};

/// INVALID_ARGUMENT for integers of other than 2 to 16 bits, and for floats of other than
/// 4, 6 and 8.
absl::StatusOr<QuantizedRange> QuantizedRangeOf(const QuantizationArgs& args);

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_QUANTIZED_RANGE_H_
