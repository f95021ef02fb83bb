#include "core/qparams/exact_scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/args/quantized_range.h"
#include "core/qparams/mx_scale.h"
#include "core/qparams/reference_scales.h"
#include "core/status_macros.h"
#include "core/tensor/dtype_limits.h"
#include "core/tensor/element_load.h"
#include "core/tensor/element_store.h"

namespace calipers {
namespace {

// `x` rounded once to `dtype`, ties to even. Floats overflow as in StoreElement. For an integer
// dtype, `x` must be within its range.
double RoundOnce(Dtype dtype, double x) {
  std::array<std::byte, sizeof(double)> element;
  StoreElement(dtype, IsFloat(dtype) ? x : std::nearbyint(x), element.data());
  return LoadElement(dtype, element.data());
}

// The same for a floating-point dtype that is known at compile time.
template <Dtype kDtype>
double RoundOnce(double x) {
  std::array<std::byte, sizeof(double)> element;
  StoreAs<kDtype>(x, element.data());
  return static_cast<double>(LoadExactly<kDtype>(element.data()));
}

// The range of a parameter, widened to hold 0.
struct Bounds {
  double low = 0;
  double high = 0;

  bool IsZero() const { return low == 0 && high == 0; }
  double Absmax() const { return std::max(-low, high); }
  // The factor by which both ends are multiplied so that float64 holds their distance. It is 0.5
  // only if necessary, because half of a subnormal number would be rounded.
  double Part() const { return std::isinf(high - low) ? 0.5 : 1; }
  double PartOfWidth() const { return high * Part() - low * Part(); }
};

Bounds BoundsOf(double low, double high) { return {std::min(low, 0.0), std::max(high, 0.0)}; }

absl::Status CheckFinite(double low, double high, std::size_t i) {
  if (std::isfinite(low) && std::isfinite(high)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the range of parameter ", i, " is [", low, ", ", high,
                   "]: no scale covers it (leave out the records that hold NaN or infinity, or ask "
                   "in reference arithmetic)"));
}

// Calculates scales and zero points. The module holds its scales in `kModule`.
template <Dtype kModule>
class ExactCalculation {
 public:
  ExactCalculation(const QuantizationArgs& args, const QuantizedRange& levels,
                   std::optional<float> global_scale)
      : args_(args),
        levels_(levels),
        global_scale_(global_scale),
        zp_dtype_(ZpDtype(args)),
        module_limits_(LimitsOf(kModule)),
        scale_limits_(LimitsOf(args.scale_dtype.value_or(kModule))),
        zp_limits_(LimitsOf(zp_dtype_)),
        module_powers_(args.num_bits, module_limits_),
        powers_(args.num_bits, LimitsOf(Dtype::kF64)),
        mx_(HasMxScales(args)) {}

  absl::Status Run(const ElementRange& range, QParams& qparams) {
    const std::size_t n = range.min.size();
    Elements& scales = qparams.scale.elements;
    Elements& zero_points = qparams.zero_point.elements;
    scales = {kModule, std::vector<std::byte>(n * kElementBytes<kModule>)};
    zero_points = {zp_dtype_, std::vector<std::byte>(n * ByteSize(zp_dtype_))};
    for (std::size_t i = 0; i < n; ++i) {
      parameter_ = static_cast<std::int64_t>(i);
      const double low = range.min[i];
      const double high = range.max[i];
      RETURN_IF_ERROR(CheckFinite(low, high, i));
      const Bounds bounds = BoundsOf(low, high);
      const double scale = Scale(bounds);
      if (std::isinf(scale)) return TooLarge(bounds);
      StoreAs<kModule>(scale, scales.bytes.data() + i * kElementBytes<kModule>);
      // Symmetric zero points stay 0.
      if (args_.symmetric) continue;
      StoreElement(zp_dtype_, ZeroPoint(bounds),
                   zero_points.bytes.data() + i * ByteSize(zp_dtype_));
    }
    qparams.notes = std::move(notes_).Release();
    return absl::OkStatus();
  }

 private:
  void Followed(QParamsTrap trap) { notes_.Add(trap, TrapOutcome::kFollowed, parameter_); }
  void Repaired(QParamsTrap trap) { notes_.Add(trap, TrapOutcome::kRepaired, parameter_); }

  // The scale in the module's dtype; infinite if that dtype does not hold it.
  double Scale(const Bounds& bounds) {
    if (levels_.width() > module_limits_.greatest) Repaired(QParamsTrap::kLevelsOverflow);
    if (bounds.IsZero()) return ScaleOfZero();
    const double scale = mx_ ? MxScale(bounds) : ToScaleDtype(FromBounds(bounds));
    const double kept = RoundOnce<kModule>(scale > 0 ? scale : scale_limits_.least_positive);
    if (scale == 0 || kept == 0) Repaired(QParamsTrap::kScaleUnderflow);
    return std::max(kept, module_limits_.least_positive);
  }

  absl::Status TooLarge(const Bounds& bounds) const {
    return absl::FailedPreconditionError(absl::StrCat(
        "the scale of parameter ", parameter_, ", whose range is [", bounds.low, ", ", bounds.high,
        "], is above what a module's scale of ", DtypeName(kModule), " holds"));
  }

  // With MX scales: the least power of two. Otherwise, and if the module's dtype does not hold that
  // power: the reference's epsilon.
  double ScaleOfZero() {
    Followed(QParamsTrap::kZeroRange);
    const double least = mx_ ? RoundOnce<kModule>(PowerOfTwo(-kBias)) : 0;
    if (least > 0) return least;
    return std::max(RoundOnce<kModule>(scale_limits_.epsilon), module_limits_.least_positive);
  }

  double FromBounds(const Bounds& bounds) const {
    const double global_scale = global_scale_.value_or(1.0F);
    if (args_.symmetric) return bounds.Absmax() * global_scale / (levels_.width() / 2);
    return bounds.PartOfWidth() * global_scale / (levels_.width() * bounds.Part());
  }

  double ToScaleDtype(double scale) {
    if (!args_.scale_dtype) return scale;
    if (scale <= scale_limits_.greatest) return RoundOnce(*args_.scale_dtype, scale);
    if (!RoundsToGreatest(scale)) Followed(QParamsTrap::kScaleSaturated);
    return scale_limits_.greatest;
  }

  // True if `scale`, which is above the greatest value of scale_dtype, rounds to that value. The
  // largest group of an NVFP4 tensor has that scale, except for the rounding of the global scale.
  bool RoundsToGreatest(double scale) const {
    return IsFloat(*args_.scale_dtype)
               ? RoundOnce(*args_.scale_dtype, scale) == scale_limits_.greatest
               : std::nearbyint(scale) == scale_limits_.greatest;
  }

  double MxScale(const Bounds& bounds) {
    const double absmax = bounds.Absmax();
    if (module_powers_.ExponentOf(absmax) == kInf) Repaired(QParamsTrap::kMxOverflow);
    const double power = powers_.ExponentOf(absmax) - MxElementExponent(args_.num_bits);
    if (power > kMxBias) Followed(QParamsTrap::kScaleSaturated);
    return PowerOfTwo(static_cast<int>(std::clamp(power, -kMxBias, kMxBias)));
  }

  double ZeroPoint(const Bounds& bounds) {
    const double width = levels_.width();
    if (bounds.IsZero()) {
      Repaired(QParamsTrap::kZeroPointUndefined);
      return levels_.lowest;
    }
    const double exact = levels_.lowest - bounds.low * bounds.Part() / bounds.PartOfWidth() * width;
    const double clamped = std::clamp(exact, levels_.lowest, levels_.greatest);
    const bool wraps = RoundOnce<kModule>(clamped) > zp_limits_.greatest;
    if (wraps) Repaired(QParamsTrap::kZeroPointWrapped);
    return RoundOnce(zp_dtype_, clamped);
  }

  static constexpr double kInf = std::numeric_limits<double>::infinity();
  static constexpr int kBias = static_cast<int>(kMxBias);

  const QuantizationArgs& args_;
  const QuantizedRange levels_;
  const std::optional<float> global_scale_;
  const Dtype zp_dtype_;
  const DtypeLimits module_limits_;
  const DtypeLimits scale_limits_;
  const DtypeLimits zp_limits_;
  // The powers in the module's dtype, and the powers in float64.
  const MxPowers module_powers_;
  const MxPowers powers_;
  const bool mx_;
  QParamsNotes notes_;
  std::int64_t parameter_ = 0;
};

// Calls `visitor` with the DtypeConstant of `dtype`, which must come from ModuleScaleDtype.
template <typename Visitor>
void VisitModuleDtype(Dtype dtype, Visitor&& visitor) {
  switch (dtype) {
    case Dtype::kF64:
      return visitor(DtypeConstant<Dtype::kF64>());
    case Dtype::kF32:
      return visitor(DtypeConstant<Dtype::kF32>());
    case Dtype::kBF16:
      return visitor(DtypeConstant<Dtype::kBF16>());
    default:
      return visitor(DtypeConstant<Dtype::kF16>());
  }
}

absl::Status CheckMx(const QuantizationArgs& args, std::optional<float> global_scale) {
  if (!HasMxScales(args) || (args.symmetric && !global_scale)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(args.symmetric ? "a global scale" : "symmetric false",
                   " cannot be given with MX scales (float, group_size 32, scale_dtype U8), which "
                   "are exponents"));
}

absl::Status CheckZeroPoints(const QuantizationArgs& args, const QuantizedRange& levels) {
  if (args.symmetric) return absl::OkStatus();
  const DtypeLimits limits = LimitsOf(ZpDtype(args));
  if (limits.lowest <= levels.lowest && limits.greatest >= levels.greatest) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("zp_dtype ", DtypeName(ZpDtype(args)), " does not hold the zero points of ",
                   QuantizationTypeName(args.type), " and num_bits ", args.num_bits, ", ",
                   levels.lowest, " to ", levels.greatest));
}

absl::Status CheckGlobalScale(std::optional<float> global_scale) {
  if (!global_scale || (std::isfinite(*global_scale) && *global_scale > 0)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("global_scale ", *global_scale, " is not a finite number above 0"));
}

}  // namespace

absl::StatusOr<QParams> ExactQParams(const ElementRange& range,
                                     absl::Span<const std::int64_t> shape,
                                     const QuantizationArgs& args,
                                     std::optional<float> global_scale, Dtype observed_dtype) {
  ASSIGN_OR_RETURN(const QuantizedRange levels, QuantizedRangeOf(args));
  RETURN_IF_ERROR(CheckMx(args, global_scale));
  RETURN_IF_ERROR(CheckZeroPoints(args, levels));
  RETURN_IF_ERROR(CheckGlobalScale(global_scale));
  QParams qparams;
  absl::Status status;
  VisitModuleDtype(ModuleScaleDtype(observed_dtype), [&](auto module_dtype) {
    status = ExactCalculation<module_dtype>(args, levels, global_scale).Run(range, qparams);
  });
  RETURN_IF_ERROR(status);
  qparams.scale.shape.assign(shape.begin(), shape.end());
  if (shape.empty()) qparams.scale.shape = {1};
  qparams.zero_point.shape = qparams.scale.shape;
  return qparams;
}

absl::StatusOr<GlobalScale> ExactGparam(const ElementRange& range, Dtype observed_dtype) {
  RETURN_IF_ERROR(CheckFinite(range.min[0], range.max[0], 0));
  const Bounds bounds = BoundsOf(range.min[0], range.max[0]);
  GlobalScale scale;
  QParamsNotes notes;
  if (bounds.IsZero()) {
    notes.Add(QParamsTrap::kGlobalScaleZeroRange, TrapOutcome::kFollowed, 0);
    scale.notes = std::move(notes).Release();
    return scale;
  }
  const double absmax = bounds.Absmax();
  const double exact = RoundOnce(Dtype::kF32, 448 * 6 / absmax);
  if (exact == 0) {
    return absl::FailedPreconditionError(absl::StrCat("the range behind the global scale reaches ",
                                                      absmax, ": its global scale is 0 in F32"));
  }
  if (std::isfinite(exact)) scale.value = static_cast<float>(exact);
  // The reference computes the global scale in the observed dtype. Its notes are the traps that it
  // met.
  Elements observed{ModuleScaleDtype(observed_dtype), {}};
  observed.bytes.resize(ByteSize(observed.dtype));
  StoreElement(observed.dtype, absmax, observed.bytes.data());
  ASSIGN_OR_RETURN(const GlobalScale theirs, ReferenceGparam({observed, observed}));
  for (const QParamsNote& note : theirs.notes) {
    const bool same = scale.value == theirs.value;
    notes.Add(note.trap, same ? TrapOutcome::kFollowed : TrapOutcome::kRepaired, 0);
  }
  scale.notes = std::move(notes).Release();
  return scale;
}

}  // namespace calipers
