#include "core/qparams/reference.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/dtype_limits.h"
#include "core/element_load.h"
#include "core/element_store.h"
#include "core/qparams/mx_scale.h"
#include "core/qparams/torch_float.h"
#include "core/quantized_range.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

// NaN stays in all three, as in torch.min, torch.max and torch.clamp.
template <typename T>
T NotAboveZero(T x) {
  return x > 0 ? T{0} : x;
}
template <typename T>
T NotBelowZero(T x) {
  return x < 0 ? T{0} : x;
}
template <typename T>
T Clamp(T x, T low, T high) {
  return x < low ? low : x > high ? high : x;
}

// As torch.round; but for the sign of a zero.
double RoundHalfToEven(double x) {
  // Above, the float64 are whole numbers; there, they lie a unit apart.
  constexpr double kHolder = 0x1.8p52;
  return std::fabs(x) < 0x1p51 ? (x + kHolder) - kHolder : x;
}

// compressed-tensors' round_to_quantized_type_dtype for numbers of `kFrom`: clamped to what
// `to` holds, as `kFrom` has it, rounded if it holds integers, and cast.
template <Dtype kFrom>
class RoundingTo {
 public:
  using Float = TorchFloat<kFrom>;

  explicit RoundingTo(Dtype to)
      : to_(to),
        to_float_(IsFloat(to)),
        greatest_(LimitsOf(to).greatest),
        low_(Float::From(LimitsOf(to).lowest)),
        high_(Float::From(greatest_)) {}

  bool Exceeds(double x) const { return x > high_; }
  double operator()(double x) const {
    const double clamped = Clamp<double>(x, low_, high_);
    if (to_ == Dtype::kF8E4M3) return RoundToF8E4M3(static_cast<float>(clamped));
    if (to_float_) return TorchCast(to_, clamped);
    const double whole = RoundHalfToEven(clamped);
    // Below the greatest value it is cast as it is; that may be above it as `kFrom` has it.
    return whole < greatest_ ? whole : TorchCast(to_, whole);
  }

 private:
  Dtype to_;
  bool to_float_;
  double greatest_;
  // Not float64: GCC 12 leaves out the rounding to float32 of two that lie side by side.
  typename Float::Wide low_;
  typename Float::Wide high_;
};

// What is the same for every parameter of a tensor.
struct Rule {
  const QuantizationArgs* args;
  QuantizedRange levels = {};
  bool mx;
  // The tensor has no dimension, and operations with other such tensors promote it.
  bool scalar;
  std::optional<float> global_scale;
};

// The scales and zero points of a range of `kDtype`, one parameter at a time; scales are of
// `kScale` in the end.
template <Dtype kDtype, Dtype kScale>
class Calculation {
 public:
  Calculation(const Rule& rule, QParams& qparams)
      : rule_(rule),
        qparams_(qparams),
        powers_(rule.args->num_bits, LimitsOf(kDtype)),
        element_exponent_(MxElementExponent(rule.args->num_bits)),
        width_(Float::From(rule.levels.width())),
        epsilon_(ScaleFloat::From(LimitsOf(rule.args->scale_dtype.value_or(kScale)).epsilon)),
        to_scale_dtype_(rule.args->scale_dtype.value_or(kScale)),
        own_zero_point_(ZpDtype(*rule.args)),
        promoted_zero_point_(ZpDtype(*rule.args)) {}

  void Run(const ElementRange& range) {
    const std::size_t n = range.min.size();
    for (std::size_t i = 0; i < n; ++i) {
      parameter_ = static_cast<std::int64_t>(i);
      const Wide low = NotAboveZero(LoadAs(range.min, i));
      const Wide high = NotBelowZero(LoadAs(range.max, i));
      const Wide local = rule_.args->symmetric ? SymmetricScale(low, high) : WidthScale(low, high);
      // Zeros stay as they are.
      if (!rule_.args->symmetric) StoreZeroPoint(i, ZeroPoint(low, local));
      StoreAs<kScale>(Finish(local, low == 0 && high == 0),
                      qparams_.scale.elements.bytes.data() + i * kElementBytes<kScale>);
    }
  }

  QParamsNotes& notes() { return notes_; }

 private:
  using Float = TorchFloat<kDtype>;
  using Wide = typename Float::Wide;
  using ScaleFloat = TorchFloat<kScale>;
  // What becomes of a tensor of `kDtype` without dimensions beside the float32 limits of the
  // quantized range, which have none either.
  static constexpr Dtype kPromoted = Promote(kDtype, Dtype::kF32);

  static Wide LoadAs(const Elements& elements, std::size_t i) {
    return static_cast<Wide>(
        LoadExactly<kDtype>(elements.bytes.data() + i * kElementBytes<kDtype>));
  }
  void StoreZeroPoint(std::size_t i, double value) {
    Elements& elements = qparams_.zero_point.elements;
    // Nearly all are.
    if (elements.dtype == Dtype::kI8) return StoreAs<Dtype::kI8>(value, &elements.bytes[i]);
    StoreElement(elements.dtype, value, elements.bytes.data() + i * ByteSize(elements.dtype));
  }

  void Met(QParamsTrap trap) { notes_.Add(trap, TrapOutcome::kFollowed, parameter_); }

  Wide SymmetricScale(Wide low, Wide high) {
    const Wide absmax = std::isnan(high) ? high : std::max(std::fabs(low), std::fabs(high));
    if (!rule_.mx) return Float::Round(absmax / Float::Round(width_ / 2));
    const double exponent = powers_.ExponentOf(absmax);
    if (std::isinf(exponent) && exponent > 0 && std::isfinite(absmax)) {
      Met(QParamsTrap::kMxOverflow);
    }
    return static_cast<Wide>(kMxBias + exponent - element_exponent_);
  }

  Wide WidthScale(Wide low, Wide high) { return Float::Round(Float::Round(high - low) / width_); }

  double ZeroPoint(Wide low, Wide scale) {
    const Wide steps = Float::Round(low / scale);
    return rule_.scalar ? ZeroPointAt<kPromoted>(steps, promoted_zero_point_)
                        : ZeroPointAt<kDtype>(steps, own_zero_point_);
  }

  template <Dtype kIn>
  double ZeroPointAt(Wide steps, const RoundingTo<kIn>& to_zp_dtype) {
    using In = TorchFloat<kIn>;
    using InWide = typename In::Wide;
    const InWide lowest = In::From(rule_.levels.lowest);
    const InWide greatest = In::From(rule_.levels.greatest);
    const InWide exact = Clamp(In::Round(lowest - static_cast<InWide>(steps)), lowest, greatest);
    const double kept = to_zp_dtype(exact);
    if (std::isnan(exact)) {
      Met(QParamsTrap::kZeroPointUndefined);
    } else if (exact > 0 && kept < 0) {
      Met(QParamsTrap::kZeroPointWrapped);
    }
    return kept;
  }

  // The scale as it is returned, from the local one.
  double Finish(Wide local, bool zero_range) {
    double scale = ScaleFloat::From(local);
    if (rule_.global_scale) {
      using ScaleWide = typename ScaleFloat::Wide;
      scale = ScaleFloat::Round(static_cast<ScaleWide>(*rule_.global_scale) *
                                static_cast<ScaleWide>(scale));
    }
    if (rule_.args->scale_dtype) scale = RoundToScaleDtype(scale);
    if (rule_.mx) scale = FromMxExponent(scale);
    if (!std::isfinite(scale)) Met(QParamsTrap::kScaleNotFinite);
    if (zero_range) Met(QParamsTrap::kZeroRange);
    if (scale != 0) return scale;
    if (!zero_range) Met(QParamsTrap::kScaleUnderflow);
    return epsilon_;
  }

  double RoundToScaleDtype(double scale) {
    if (to_scale_dtype_.Exceeds(scale) && !(rule_.mx && rule_.args->symmetric)) {
      Met(QParamsTrap::kScaleSaturated);
    }
    return ScaleFloat::From(to_scale_dtype_(scale));
  }

  // 2^(exponent - 127), by way of float32; `exponent` is in U8.
  static double FromMxExponent(double exponent) {
    const float power = static_cast<float>(PowerOfTwo(static_cast<int>(exponent - kMxBias)));
    return ScaleFloat::From(power);
  }

  const Rule& rule_;
  QParams& qparams_;
  MxPowers powers_;
  double element_exponent_;
  Wide width_;
  typename ScaleFloat::Wide epsilon_;
  RoundingTo<kScale> to_scale_dtype_;
  RoundingTo<kDtype> own_zero_point_;
  RoundingTo<kPromoted> promoted_zero_point_;
  QParamsNotes notes_;
  std::int64_t parameter_ = 0;
};

bool IsTorchFloat(Dtype dtype) { return IsFloat(dtype) && !IsFloat8(dtype); }

absl::Status CheckRangeDtype(Dtype dtype) {
  if (IsTorchFloat(dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a range of dtype ", DtypeName(dtype),
                   " has no qparams in reference arithmetic (allowed: F64, F32, F16, BF16)"));
}

// PyTorch refuses to clamp numbers of `from` to limits that it cannot hold.
absl::Status CheckClamp(absl::string_view field, Dtype to, Dtype from) {
  if (LimitsOf(to).greatest <= LimitsOf(from).greatest) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " ", DtypeName(to), " cannot be given in reference arithmetic with ",
                   DtypeName(from), ", which does not hold its greatest value"));
}

// What holds for every parameter of a tensor.
void AddTensorNotes(const Rule& rule, Dtype dtype, std::int64_t count, QParamsNotes& notes) {
  const auto met = [count, &notes](QParamsTrap trap) {
    for (std::int64_t i = 0; i < count; ++i) notes.Add(trap, TrapOutcome::kFollowed, i);
  };
  if (rule.mx && (!rule.args->symmetric || rule.global_scale)) met(QParamsTrap::kMxNotExponents);
  if (rule.levels.width() > LimitsOf(dtype).greatest) met(QParamsTrap::kLevelsOverflow);
}

template <Dtype kDtype, Dtype kScale>
void Run(const ElementRange& range, const Rule& rule, QParams& qparams) {
  const std::size_t n = range.min.size();
  qparams.scale.elements = {kScale, std::vector<std::byte>(n * ByteSize(kScale))};
  const Dtype zp_dtype = ZpDtype(*rule.args);
  qparams.zero_point.elements = {zp_dtype, std::vector<std::byte>(n * ByteSize(zp_dtype))};
  Calculation<kDtype, kScale> calculation(rule, qparams);
  calculation.Run(range);
  AddTensorNotes(rule, kDtype, static_cast<std::int64_t>(n), calculation.notes());
  qparams.notes = std::move(calculation.notes()).Take();
}

// The dtype of scales once they met the global scale, which is F32 and has a dimension.
Dtype ScaleDtype(Dtype dtype, const Rule& rule) {
  if (!rule.global_scale) return dtype;
  return rule.scalar ? Dtype::kF32 : Promote(dtype, Dtype::kF32);
}

template <Dtype kDtype>
void RunAs(Dtype scale, const ElementRange& range, const Rule& rule, QParams& qparams) {
  if (scale == kDtype) return Run<kDtype, kDtype>(range, rule, qparams);
  // With a global scale: F64 has a scale of F32 for a tensor without dimensions.
  return Run<kDtype, Dtype::kF32>(range, rule, qparams);
}

template <Dtype kDtype>
float Gparam(const Elements& min, const Elements& max) {
  using Float = TorchFloat<kDtype>;
  using Wide = typename Float::Wide;
  const Wide low = NotAboveZero(static_cast<Wide>(LoadExactly<kDtype>(min.bytes.data())));
  const Wide high = NotBelowZero(static_cast<Wide>(LoadExactly<kDtype>(max.bytes.data())));
  const Wide absmax = std::isnan(low) || std::isnan(high)
                          ? std::numeric_limits<Wide>::quiet_NaN()
                          : std::max(std::fabs(low), std::fabs(high));
  const Wide least = static_cast<Wide>(LimitsOf(kDtype).least_normal);
  // A number over a tensor is the tensor's reciprocal times the number: two roundings.
  const Wide reciprocal = Float::Round(1 / (absmax < least ? least : absmax));
  const Wide scale = Float::Round(reciprocal * Wide{448 * 6});
  return std::isfinite(scale) ? static_cast<float>(scale) : 1.0F;
}

void AddGparamNote(bool zero_range, double absmax, GlobalScale& scale) {
  QParamsNotes notes;
  const auto met = [&notes](QParamsTrap trap) { notes.Add(trap, TrapOutcome::kFollowed, 0); };
  if (zero_range) {
    met(QParamsTrap::kZeroRange);
  } else if (scale.value == 0) {
    met(QParamsTrap::kGlobalScaleZero);
  } else if (!std::isfinite(scale.value)) {
    met(QParamsTrap::kGlobalScaleNotFinite);
  } else if (scale.value == 1 && absmax != 448 * 6) {
    met(QParamsTrap::kGlobalScaleReset);
  }
  scale.notes = std::move(notes).Take();
}

}  // namespace

absl::StatusOr<QParams> ReferenceQParams(const ElementRange& range,
                                         absl::Span<const std::int64_t> shape,
                                         const QuantizationArgs& args,
                                         std::optional<float> global_scale) {
  const Dtype dtype = range.min.dtype;
  RETURN_IF_ERROR(CheckRangeDtype(dtype));
  Rule rule{.args = &args,
            .mx = HasMxScales(args),
            .scalar = shape.empty(),
            .global_scale = global_scale};
  ASSIGN_OR_RETURN(rule.levels, QuantizedRangeOf(args));
  const Dtype scale = ScaleDtype(dtype, rule);
  const bool promoted = rule.scalar && !args.symmetric;
  RETURN_IF_ERROR(
      CheckClamp("zp_dtype", ZpDtype(args), promoted ? Promote(dtype, Dtype::kF32) : dtype));
  if (args.scale_dtype) RETURN_IF_ERROR(CheckClamp("scale_dtype", *args.scale_dtype, scale));

  QParams qparams;
  switch (dtype) {
    case Dtype::kF64:
      RunAs<Dtype::kF64>(scale, range, rule, qparams);
      break;
    case Dtype::kF16:
      RunAs<Dtype::kF16>(scale, range, rule, qparams);
      break;
    case Dtype::kBF16:
      RunAs<Dtype::kBF16>(scale, range, rule, qparams);
      break;
    default:
      RunAs<Dtype::kF32>(scale, range, rule, qparams);
      break;
  }
  qparams.scale.shape.assign(shape.begin(), shape.end());
  qparams.zero_point.shape.assign(shape.begin(), shape.end());
  if (rule.scalar) {
    qparams.scale.shape = {1};
    // The global scale has given the scale a dimension: the zero point is left without.
    if (!global_scale) qparams.zero_point.shape = {1};
  }
  return qparams;
}

absl::StatusOr<GlobalScale> ReferenceGparam(const ElementRange& range) {
  RETURN_IF_ERROR(CheckRangeDtype(range.min.dtype));
  const double low = range.min[0];
  const double high = range.max[0];
  GlobalScale scale;
  switch (range.min.dtype) {
    case Dtype::kF64:
      scale.value = Gparam<Dtype::kF64>(range.min, range.max);
      break;
    case Dtype::kF16:
      scale.value = Gparam<Dtype::kF16>(range.min, range.max);
      break;
    case Dtype::kBF16:
      scale.value = Gparam<Dtype::kBF16>(range.min, range.max);
      break;
    default:
      scale.value = Gparam<Dtype::kF32>(range.min, range.max);
      break;
  }
  const bool zero_range = low >= 0 && high <= 0;
  AddGparamNote(zero_range, std::max(std::fabs(low), std::fabs(high)), scale);
  return scale;
}

}  // namespace calipers
