#include "core/qparams/qparams.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/fold/extremes.h"
#include "core/qparams/exact_scales.h"
#include "core/qparams/reference_scales.h"
#include "core/qparams/torch_float.h"
#include "core/reduce/geometry.h"
#include "core/status_macros.h"
#include "core/tensor/element_load.h"
#include "core/tensor/element_store.h"

namespace calipers {
namespace {

absl::Status CheckSizes(const ElementRange& range, std::int64_t expected) {
  const Elements& min = range.min;
  const Elements& max = range.max;
  if (min.dtype != max.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("min is ", DtypeName(min.dtype), " and max ",
                                                   DtypeName(max.dtype), " (allowed: one dtype)"));
  }
  const auto bytes = static_cast<std::size_t>(expected) * ByteSize(min.dtype);
  if (min.bytes.size() == bytes && max.bytes.size() == bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("min and max have ", min.size(), " and ",
                                                 max.size(), " elements (allowed: ", expected,
                                                 " of each)"));
}

absl::Status CheckSymmetry(const QuantizationArgs& args) {
  if (args.symmetric || args.type == QuantizationType::kInt || args.num_bits == 8) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("symmetric false cannot be given with type \"float\" and num_bits ",
                   args.num_bits, " (allowed with: 8)"));
}

Elements OneElement(Dtype dtype, double value) {
  Elements element{dtype, std::vector<std::byte>(ByteSize(dtype))};
  StoreElement(dtype, value, element.bytes.data());
  return element;
}

// `from` cast as in PyTorch's x.to(dtype).
Elements CastElements(const Elements& from, Dtype dtype) {
  const std::size_t n = from.size();
  Elements to{dtype, std::vector<std::byte>(n * ByteSize(dtype))};
  VisitDtype(from.dtype, [&](auto of) {
    VisitDtype(dtype, [&](auto as) {
      for (std::size_t i = 0; i < n; ++i) {
        const auto value = LoadExactly<of>(from.bytes.data() + i * kElementBytes<of>);
        StoreExactly<as>(TorchCast(as, static_cast<double>(value)),
                         to.bytes.data() + i * kElementBytes<as>);
      }
    });
  });
  return to;
}

// The traps of scales that were cast to the module's dtype.
std::vector<QParamsNote> CastNotes(const Elements& calculated, const Elements& stored) {
  QParamsNotes notes;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const auto met = [&](QParamsTrap trap) {
      notes.Add(trap, TrapOutcome::kFollowed, static_cast<std::int64_t>(i));
    };
    const double before = calculated[i];
    const double after = stored[i];
    if (std::isfinite(before) && !std::isfinite(after)) met(QParamsTrap::kStoredScaleNotFinite);
    if (before != 0 && after == 0) met(QParamsTrap::kStoredScaleZero);
  }
  return std::move(notes).Release();
}

// The greatest of all maxima and negated minima; NaN if any of them is NaN. `range` must have
// elements.
double AbsmaxOf(const ElementRange& range) {
  double absmax = range.max[0];
  for (std::size_t i = 0; i < range.min.size(); ++i) {
    absmax = Upper(absmax, Upper(-range.min[i], range.max[i]));
  }
  return absmax;
}

}  // namespace

Dtype ModuleScaleDtype(Dtype observed_dtype) {
  return IsFloat(observed_dtype) && !IsFloat8(observed_dtype) ? observed_dtype : Dtype::kF16;
}

absl::StatusOr<QParams> CalculateQParams(const ElementRange& range,
                                         absl::Span<const std::int64_t> shape,
                                         const QuantizationArgs& args,
                                         std::optional<float> global_scale,
                                         const QParamsOptions& options) {
  ASSIGN_OR_RETURN(const std::int64_t elements, NumElements(shape));
  RETURN_IF_ERROR(CheckSizes(range, elements));
  RETURN_IF_ERROR(CheckSymmetry(args));
  return options.arithmetic == Arithmetic::kReference
             ? ReferenceQParams(range, shape, args, global_scale)
             : ExactQParams(range, shape, args, global_scale, options.observed_dtype);
}

absl::StatusOr<GlobalScale> GenerateGparam(const ElementRange& range,
                                           const QParamsOptions& options) {
  RETURN_IF_ERROR(CheckSizes(range, 1));
  return options.arithmetic == Arithmetic::kReference ? ReferenceGparam(range)
                                                      : ExactGparam(range, options.observed_dtype);
}

absl::StatusOr<ElementRange> FuseRanges(absl::Span<const ElementRange> ranges) {
  if (ranges.empty()) return absl::InvalidArgumentError("no ranges to fuse (allowed: 1 or more)");
  Dtype dtype = ranges.front().min.dtype;
  double absmax = -std::numeric_limits<double>::infinity();
  for (const ElementRange& range : ranges) {
    if (range.min.size() == 0) {
      return absl::InvalidArgumentError("a range to fuse has no elements");
    }
    RETURN_IF_ERROR(CheckSizes(range, static_cast<std::int64_t>(range.min.size())));
    dtype = Promote(dtype, range.min.dtype);
    absmax = Upper(absmax, AbsmaxOf(range));
  }
  return ElementRange{OneElement(dtype, -absmax), OneElement(dtype, absmax)};
}

absl::StatusOr<QParams> DeriveQParams(const ElementRange& range,
                                      absl::Span<const std::int64_t> shape,
                                      const ElementRange& global_range,
                                      const QuantizationArgs& args, const QParamsOptions& options) {
  if (args.strategy != Strategy::kTensorGroup) {
    return CalculateQParams(range, shape, args, std::nullopt, options);
  }
  ASSIGN_OR_RETURN(const GlobalScale global_scale, GenerateGparam(global_range, options));
  ASSIGN_OR_RETURN(QParams qparams,
                   CalculateQParams(range, shape, args, global_scale.value, options));
  qparams.global_scale = ShapedElements{OneElement(Dtype::kF32, global_scale.value), {1}};
  qparams.notes.insert(qparams.notes.begin(), global_scale.notes.begin(), global_scale.notes.end());
  return qparams;
}

QParams AsStored(QParams qparams, Dtype observed_dtype) {
  const Dtype dtype = ModuleScaleDtype(observed_dtype);
  qparams.zero_point.shape = qparams.scale.shape;
  Elements& scale = qparams.scale.elements;
  if (scale.dtype == dtype) return qparams;
  const Elements calculated = std::exchange(scale, CastElements(scale, dtype));
  const std::vector<QParamsNote> notes = CastNotes(calculated, scale);
  qparams.notes.insert(qparams.notes.end(), notes.begin(), notes.end());
  return qparams;
}

StoredQParams WhatIsStored(const QuantizationArgs& args) {
  switch (args.dynamic) {
    case Dynamic::kTrue:
      return StoredQParams::kNone;
    case Dynamic::kLocal:
      return StoredQParams::kGlobalScale;
    case Dynamic::kFalse:
      return StoredQParams::kAll;
  }
  return StoredQParams::kAll;
}

}  // namespace calipers
