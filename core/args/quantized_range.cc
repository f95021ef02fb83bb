#include "core/args/quantized_range.h"

#include <cmath>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace calipers {

absl::StatusOr<QuantizedRange> QuantizedRangeOf(const QuantizationArgs& args) {
  const std::int64_t bits = args.num_bits;
  if (args.type == QuantizationType::kInt) {
    if (bits >= 2 && bits <= 16) {
      const double half = std::ldexp(1.0, static_cast<int>(bits) - 1);
      return QuantizedRange{-half, half - 1};
    }
    return absl::InvalidArgumentError(
        absl::StrCat("num_bits ", bits, " with type \"int\" gives no qparams (allowed: 2 to 16)"));
  }
  if (bits == 4) return QuantizedRange{-6, 6};
  if (bits == 6) return QuantizedRange{-7.5, 7.5};
  if (bits == 8) return QuantizedRange{-448, 448};
  return absl::InvalidArgumentError(
      absl::StrCat("num_bits ", bits, " with type \"float\" gives no qparams (allowed: 4, 6, 8)"));
}

}  // namespace calipers
