#ifndef CALIPERS_CORE_ARGS_QUANTIZED_RANGE_H_
#define CALIPERS_CORE_ARGS_QUANTIZED_RANGE_H_

#include "absl/status/statusor.h"
#include "core/args/quantization_args.h"

namespace calipers {

/// The least and the greatest quantized value, as in compressed-tensors' calculate_range. Integers
/// of n bits: -2^(n-1) and 2^(n-1) - 1. Floats of 4, 6 and 8 bits: the finite extremes of E2M1 (6),
/// E2M3 (7.5) and E4M3 (448).
struct QuantizedRange {
  double lowest = 0;
  double greatest = 0;

  double width() const { return greatest - lowest; }
};

/// INVALID_ARGUMENT unless integers have 2 to 16 bits, and floats 4, 6 or 8.
absl::StatusOr<QuantizedRange> QuantizedRangeOf(const QuantizationArgs& args);

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_QUANTIZED_RANGE_H_
