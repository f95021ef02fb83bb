#ifndef CALIPERS_CORE_QPARAMS_QPARAMS_H_
#define CALIPERS_CORE_QPARAMS_QPARAMS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/args/arithmetic.h"
#include "core/args/quantization_args.h"
#include "core/fold/observer.h"
#include "core/qparams/qparams_note.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element.h"

namespace calipers {

// Scale, zero point and global scale: what a range comes to under quantization args.
// docs/qparams.md has the rules in words. A quantized value q stands for
// (q - zero_point) * scale, with a global scale for (q - zero_point) * scale / global_scale.
//
// They ask for a range, not for the observer it came from: one that searches for its range
// (mse, imatrix_mse) ends here, too.

/// Elements of a tensor, in C order.
struct ShapedElements {
  Elements elements;
  std::vector<std::int64_t> shape;
  friend bool operator==(const ShapedElements&, const ShapedElements&) = default;
};

struct QParams {
  /// One a parameter; of the shape asked for, (1,) for ().
  ShapedElements scale;
  /// As many, in ZpDtype(args); zeros where the args are symmetric.
  ShapedElements zero_point;
  /// F32, of shape (1,); with strategy tensor_group.
  std::optional<ShapedElements> global_scale;
  /// The traps that this answer met; docs/qparams.md lists them.
  std::vector<QParamsNote> notes;
};

/// A global scale and the traps that it met.
struct GlobalScale {
  float value = 1.0F;
  std::vector<QParamsNote> notes;
};

struct QParamsOptions {
  /// kReference: every operation is rounded to the dtype of the range, F64, F32, BF16 or
  /// F16, as PyTorch (2.13) on x86 does for compressed-tensors 0.20, bit for bit, traps and all.
  /// NaN in a range of MX scales is the exception, where PyTorch's answer depends on where
  /// it stands: here the scale is infinite.
  /// kExact: from the range in float64, rounded once to scale_dtype, if there is one, and to
  /// the dtype of the module's scale. Traps are repaired, or refused.
  Arithmetic arithmetic = Arithmetic::kExact;
  /// The dtype of the tensor that was observed, which a module's scale has, too (see
  /// ModuleScaleDtype). Reference arithmetic has it from the range.
  Dtype observed_dtype = Dtype::kF32;
};

/// The dtype of a module's scale for a tensor of `observed_dtype`: the same if it is F64, F32,
/// F16 or BF16, else F16.
Dtype ModuleScaleDtype(Dtype observed_dtype);

/// compressed-tensors' calculate_qparams: the scale and zero point of each parameter's
/// range, widened to hold 0. `shape` is that of the range, View's qparam_shape.
///
/// The scale is of ModuleScaleDtype in exact arithmetic. In reference arithmetic it is of the
/// range's dtype; with a global scale of that promoted with F32 (F32 for a shape of ()), and the
/// zero point of a shape of () keeps it, as calculate_qparams has them; AsStored makes them
/// what a module holds.
///
/// INVALID_ARGUMENT for what gives no qparams in the reference either: num_bits beyond
/// QuantizedRangeOf, floats of 4 or 6 bits that are not symmetric, in reference arithmetic
/// ranges of F8 or integers and a scale_dtype or zp_dtype that holds more than the dtype of
/// the range (PyTorch refuses to clamp to it). For min and max that do not fit the shape or
/// each other. In exact arithmetic also for a zp_dtype that cannot hold the zero points, MX
/// scales that are not symmetric or have a global scale, a global scale that is not a finite
/// number above 0.
/// FAILED_PRECONDITION, in exact arithmetic, names the first parameter whose range holds NaN or
/// infinity, or whose scale is above what the module's dtype holds.
absl::StatusOr<QParams> CalculateQParams(const ElementRange& range,
                                         absl::Span<const std::int64_t> shape,
                                         const QuantizationArgs& args,
                                         std::optional<float> global_scale,
                                         const QParamsOptions& options);

/// compressed-tensors' generate_gparam for NVFP4: 448 * 6 / absmax, in F32, of a range of one
/// element. A zero range has 1.
/// INVALID_ARGUMENT for a range of other than one element, and of F8 or integers in reference
/// arithmetic; FAILED_PRECONDITION, in exact arithmetic, for NaN, infinities and an absmax
/// that leaves the global scale 0 in F32.
absl::StatusOr<GlobalScale> GenerateGparam(const ElementRange& range,
                                           const QParamsOptions& options);

/// The range behind the global scale that several tensors share, llm-compressor's since 0.11:
/// [-absmax, absmax] over every element of all of them, of the dtype that PyTorch promotes
/// theirs to; NaN if any of them is. Up to 0.10 the least of their global scales was shared;
/// that is the same number but where a member's is a trap.
/// INVALID_ARGUMENT if there is none, or one without elements.
absl::StatusOr<ElementRange> FuseRanges(absl::Span<const ElementRange> ranges);

/// llm-compressor's Observer.get_qparams: with strategy tensor_group the global scale of
/// `global_range` (one element: an observer's own global_of_range, or FuseRanges of a
/// group's) and the scales under it, else CalculateQParams alone. Errors as of the above.
absl::StatusOr<QParams> DeriveQParams(const ElementRange& range,
                                      absl::Span<const std::int64_t> shape,
                                      const ElementRange& global_range,
                                      const QuantizationArgs& args, const QParamsOptions& options);

/// The parameters as a module holds them once llm-compressor's update_qparams wrote them: the
/// scale cast to ModuleScaleDtype(observed_dtype), the zero point in the scale's shape.
QParams AsStored(QParams qparams, Dtype observed_dtype);

/// Which of them a module has.
enum class StoredQParams : std::uint8_t {
  kNone = 1,         // dynamic true
  kGlobalScale = 2,  // dynamic "local"
  kAll = 3,          // all there are; the zero point only if llm-compressor wants one
};
StoredQParams WhatIsStored(const QuantizationArgs& args);

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_QPARAMS_H_
