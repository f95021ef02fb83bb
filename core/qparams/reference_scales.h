#ifndef CALIPERS_CORE_QPARAMS_REFERENCE_SCALES_H_
#define CALIPERS_CORE_QPARAMS_REFERENCE_SCALES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/qparams/qparams.h"

namespace calipers {

// The reference arithmetic of core/qparams/qparams.h. min and max of `range` have one dtype, and
// each has as many elements as `shape`.

absl::StatusOr<QParams> ReferenceQParams(const ElementRange& range,
                                         absl::Span<const std::int64_t> shape,
                                         const QuantizationArgs& args,
                                         std::optional<float> global_scale);

absl::StatusOr<GlobalScale> ReferenceGparam(const ElementRange& range);

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_REFERENCE_SCALES_H_
