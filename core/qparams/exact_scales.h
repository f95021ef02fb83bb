#ifndef CALIPERS_CORE_QPARAMS_EXACT_SCALES_H_
#define CALIPERS_CORE_QPARAMS_EXACT_SCALES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/qparams/qparams.h"

namespace calipers {

// The exact arithmetic of core/qparams/qparams.h. min and max of `range` have one dtype, and each
// has as many elements as `shape`.

absl::StatusOr<QParams> ExactQParams(const ElementRange& range,
                                     absl::Span<const std::int64_t> shape,
                                     const QuantizationArgs& args,
                                     std::optional<float> global_scale, Dtype observed_dtype);

absl::StatusOr<GlobalScale> ExactGparam(const ElementRange& range, Dtype observed_dtype);

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_EXACT_SCALES_H_
