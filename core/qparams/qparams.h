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

// The scale, zero point and global scale of a range under quantization args. docs/qparams.md
// explains the rules. A quantized value q stands for (q - zero_point) * scale, and with a global
// scale for (q - zero_point) * scale / global_scale.
//
// The functions take a range, whichever observer it came from. So they also serve observers that
// search for their range (mse, imatrix_mse).

/// Elements of a tensor, in C order.
struct ShapedElements {
  Elements elements;
  std::vector<std::int64_t> shape;
  friend bool operator==(const ShapedElements&, const ShapedElements&) = default;
};

struct QParams {
  /// One element for each parameter. The shape is the given shape, or (1,) for ().
  ShapedElements scale;
  /// As many elements as scale, in ZpDtype(args). Zeros if the args are symmetric.
  ShapedElements zero_point;
  /// F32, of shape (1,). Only with strategy tensor_group.
  std::optional<ShapedElements> global_scale;
  /// The traps that this result met; docs/qparams.md lists them.
  std::vector<QParamsNote> notes;
};

/// A global scale and the traps that it met.
struct GlobalScale {
  float value = 1.0F;
  std::vector<QParamsNote> notes;
};

struct QParamsOptions {
  /// kReference: every operation is rounded to the dtype of the range (F64, F32, BF16 or F16), bit
  /// for bit as PyTorch (2.13) on x86 does for compressed-tensors 0.20, including all traps. The
  /// only exception is NaN in a range with MX scales. There, PyTorch's result depends on the
  /// position of the NaN; here the scale is infinite.
  ///
  /// kExact: computed from the range in float64, and rounded once to scale_dtype, if there is one,
  /// and to the dtype of the module's scale. Traps are repaired or refused.
  Arithmetic arithmetic = Arithmetic::kExact;
  /// The dtype of the observed tensor. It gives the dtype of the module's scale (ModuleScaleDtype).
  /// Reference arithmetic uses the dtype of the range instead.
  Dtype observed_dtype = Dtype::kF32;
};

/// The dtype of a module's scale for a tensor of `observed_dtype`: `observed_dtype` if that is F64,
/// F32, F16 or BF16, else F16.
Dtype ModuleScaleDtype(Dtype observed_dtype);

/// compressed-tensors' calculate_qparams: the scale and zero point of each parameter's range, which
/// is widened to hold 0. `shape` is the shape of the range (View's qparam_shape).
///
/// In exact arithmetic the scale has ModuleScaleDtype. In reference arithmetic it has the range's
/// dtype. With a global scale, it has that dtype promoted with F32 (F32 for the shape ()), and the
/// zero point of the shape () keeps its shape, as in calculate_qparams. AsStored converts both to
/// the form that a module holds.
///
/// INVALID_ARGUMENT for args and ranges that give no qparams in the reference either:
/// - num_bits that QuantizedRangeOf refuses
/// - floats of 4 or 6 bits that are not symmetric
/// - in reference arithmetic: ranges of F8 or integers, and a scale_dtype or zp_dtype that holds
///   more than the dtype of the range (PyTorch refuses to clamp to it)
///
/// INVALID_ARGUMENT if min and max do not fit the shape or each other. In exact arithmetic also
/// for:
/// - a zp_dtype that cannot hold the zero points
/// - MX scales that are not symmetric or have a global scale
/// - a global scale that is not a finite number above 0
///
/// FAILED_PRECONDITION, in exact arithmetic, names the first parameter whose range holds NaN or
/// infinity, or whose scale is above the greatest value of the module's dtype.
absl::StatusOr<QParams> CalculateQParams(const ElementRange& range,
                                         absl::Span<const std::int64_t> shape,
                                         const QuantizationArgs& args,
                                         std::optional<float> global_scale,
                                         const QParamsOptions& options);

/// compressed-tensors' generate_gparam for NVFP4: 448 * 6 / absmax, in F32, of a range of one
/// element. A zero range has 1. INVALID_ARGUMENT if the range does not have exactly one element,
/// and in reference arithmetic for F8 and integers. FAILED_PRECONDITION, in exact arithmetic, for
/// NaN, for infinity, and for an absmax whose global scale is 0 in F32.
absl::StatusOr<GlobalScale> GenerateGparam(const ElementRange& range,
                                           const QParamsOptions& options);

/// The range from which the shared global scale of several tensors is computed, as in
/// llm-compressor since 0.11: [-absmax, absmax] over all elements of all ranges, in the dtype to
/// which PyTorch promotes theirs; NaN if any element is NaN. Up to 0.10, llm-compressor shared the
/// least of the tensors' global scales. That is the same number, unless the global scale of a
/// tensor is a trap. INVALID_ARGUMENT if there are no ranges, or if a range has no elements.
absl::StatusOr<ElementRange> FuseRanges(absl::Span<const ElementRange> ranges);

/// llm-compressor's Observer.get_qparams. With strategy tensor_group: the global scale of
/// `global_range`, and the scales under it. With other strategies: CalculateQParams alone.
/// `global_range` has one element: an observer's own global_of_range, or the result of FuseRanges
/// for a group. Errors are those of CalculateQParams and GenerateGparam.
absl::StatusOr<QParams> DeriveQParams(const ElementRange& range,
                                      absl::Span<const std::int64_t> shape,
                                      const ElementRange& global_range,
                                      const QuantizationArgs& args, const QParamsOptions& options);

/// The parameters as a module holds them after llm-compressor's update_qparams: the scale is cast
/// to ModuleScaleDtype(observed_dtype), and the zero point has the scale's shape. The notes have
/// the traps of the cast, too.
QParams AsStored(QParams qparams, Dtype observed_dtype);

/// The parameters that a module has.
enum class StoredQParams : std::uint8_t {
  kNone = 1,         // dynamic true
  kGlobalScale = 2,  // dynamic "local"
  kAll = 3,          // all; the zero point only if llm-compressor wants one
};
StoredQParams WhatIsStored(const QuantizationArgs& args);

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_QPARAMS_H_
