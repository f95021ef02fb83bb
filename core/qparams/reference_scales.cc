#include "core/qparams/reference_scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/args/quantized_range.h"
#include "core/qparams/mx_scale.h"
#include "core/qparams/rounding_to.h"
#include "core/qparams/tile.h"
#include "core/qparams/torch_float.h"
#include "core/status_macros.h"
#include "core/tensor/dtype_limits.h"
#include "core/tensor/element_load.h"
#include "core/tensor/element_store.h"

namespace calipers {
namespace {

// Both functions keep NaN, as torch.min and torch.max do.
template <typename T>
T NotAboveZero(T x) {
  return x > 0 ? T{0} : x;
}
template <typename T>
T NotBelowZero(T x) {
  return x < 0 ? T{0} : x;
}
// The values that all parameters of a tensor share.
struct Rule {
  const QuantizationArgs* args;
  QuantizedRange levels = {};
  bool mx;
  // True if the tensor has no dimension. Operations with other tensors without dimensions promote
  // it.
  bool scalar;
  std::optional<float> global_scale;
};

// Calculates the scales and zero points of a range of `kDtype`, one tile at a time. The final
// scales have dtype `kScale`.
template <Dtype kDtype, Dtype kScale>
class ReferenceCalculation {
 public:
  ReferenceCalculation(const Rule& rule, QParams& qparams)
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
    for (first_ = 0; first_ < n; first_ += kTile) {
      count_ = std::min(kTile, n - first_);
      Load(range);
      FindLocalScales();
      FindScales();
      // Symmetric zero points stay 0.
      if (!rule_.args->symmetric) FindZeroPoints();
      if (MayHaveMetATrap()) AddNotes();
      StoreScales();
    }
  }

  QParamsNotes& notes() { return notes_; }

 private:
  using Float = TorchFloat<kDtype>;
  using Wide = typename Float::Wide;
  using ScaleFloat = TorchFloat<kScale>;
  using ScaleWide = typename ScaleFloat::Wide;
  // The dtype that results from a tensor of `kDtype` without dimensions and the limits of the
  // quantized range, which are float32 and have no dimensions either.
  static constexpr Dtype kPromoted = Promote(kDtype, Dtype::kF32);

  // Always converts a whole tile, because a loop of known length becomes vectors. The elements from
  // `count` on become `behind_the_last`.
  static void LoadTile(const Elements& elements, std::size_t first, std::size_t count,
                       Wide behind_the_last, Tile<Wide>& tile) {
    constexpr std::size_t kBytes = kElementBytes<kDtype>;
    std::array<std::byte, (kTile * kBytes)> bytes = {};
    std::memcpy(bytes.data(), elements.bytes.data() + first * kBytes, count * kBytes);
    for (std::size_t i = 0; i < kTile; ++i) {
      tile[i] = static_cast<Wide>(LoadExactly<kDtype>(bytes.data() + i * kBytes));
    }
    std::fill(tile.begin() + count, tile.end(), behind_the_last);
  }
  template <Dtype kTo, typename T>
  static void StoreTile(const Tile<T>& tile, std::size_t first, std::size_t count,
                        Elements& elements) {
    constexpr std::size_t kBytes = kElementBytes<kTo>;
    std::array<std::byte, (kTile * kBytes)> bytes;
    for (std::size_t i = 0; i < kTile; ++i) {
      StoreExactly<kTo>(tile[i], bytes.data() + i * kBytes);
    }
    std::memcpy(elements.bytes.data() + first * kBytes, bytes.data(), count * kBytes);
  }

  // Loads ranges and widens them to hold 0. The unused end of a tile gets ranges that meet no trap.
  void Load(const ElementRange& range) {
    LoadTile(range.min, first_, count_, 0, low_);
    LoadTile(range.max, first_, count_, 1, high_);
    for (Wide& low : low_) low = NotAboveZero(low);
    for (Wide& high : high_) high = NotBelowZero(high);
  }

  void FindLocalScales() {
    if (!rule_.args->symmetric) {
      for (std::size_t i = 0; i < kTile; ++i) {
        local_[i] = Float::Round(Float::Round(high_[i] - low_[i]) / width_);
      }
      return;
    }
    for (std::size_t i = 0; i < kTile; ++i) {
      const Wide absmax = std::max(std::fabs(low_[i]), std::fabs(high_[i]));
      local_[i] = std::isnan(high_[i]) ? high_[i] : absmax;
    }
    if (rule_.mx) return FindMxExponents();
    const Wide half = Float::Round(width_ / 2);
    for (Wide& local : local_) local = Float::Round(local / half);
  }

  void FindMxExponents() {
    for (std::size_t i = 0; i < kTile; ++i) {
      const double exponent = powers_.ExponentOf(local_[i]);
      overflows_[i] = std::isinf(exponent) && exponent > 0 && std::isfinite(local_[i]);
      local_[i] = static_cast<Wide>(kMxBias + exponent - element_exponent_);
    }
  }

  void FindScales() {
    for (std::size_t i = 0; i < kTile; ++i) {
      scale_[i] = ScaleFloat::Round(static_cast<ScaleWide>(local_[i]));
    }
    if (rule_.global_scale) {
      const auto global = static_cast<ScaleWide>(*rule_.global_scale);
      for (ScaleWide& scale : scale_) scale = ScaleFloat::Round(global * scale);
    }
    if (rule_.args->scale_dtype) {
      unclamped_ = scale_;
      to_scale_dtype_.Apply(scale_);
      for (ScaleWide& scale : scale_) scale = ScaleFloat::Round(scale);
    }
    if (rule_.mx) {
      for (ScaleWide& scale : scale_) scale = FromMxExponent(scale);
    }
    for (std::size_t i = 0; i < kTile; ++i) {
      returned_[i] = scale_[i] == 0 ? epsilon_ : scale_[i];
    }
  }

  // 2^(exponent - 127), rounded to float32 first. `exponent` is a value of U8.
  static ScaleWide FromMxExponent(ScaleWide exponent) {
    const float power = static_cast<float>(PowerOfTwo(static_cast<int>(exponent - kMxBias)));
    return ScaleFloat::Round(power);
  }

  void FindZeroPoints() {
    if (rule_.scalar) {
      FindZeroPoints<kPromoted>(promoted_zero_point_);
    } else {
      FindZeroPoints<kDtype>(own_zero_point_);
    }
    VisitDtype(qparams_.zero_point.elements.dtype, [&](auto zp_dtype) {
      StoreTile<zp_dtype>(zero_point_, first_, count_, qparams_.zero_point.elements);
    });
  }

  // Computes in the arithmetic of `kIn`, which uses the same C++ type.
  template <Dtype kIn>
  void FindZeroPoints(const RoundingTo<kIn>& to_zp_dtype) {
    using In = TorchFloat<kIn>;
    static_assert(std::is_same_v<typename In::Wide, Wide>);
    const Wide lowest = In::From(rule_.levels.lowest);
    const Wide greatest = In::From(rule_.levels.greatest);
    for (std::size_t i = 0; i < kTile; ++i) {
      const Wide steps = Float::Round(low_[i] / local_[i]);
      unrounded_[i] = Clamp(In::Round(lowest - steps), lowest, greatest);
    }
    zero_point_ = unrounded_;
    to_zp_dtype.Apply(zero_point_);
  }

  bool Saturated(std::size_t i) const {
    return rule_.args->scale_dtype && !(rule_.mx && rule_.args->symmetric) &&
           to_scale_dtype_.Saturates(unclamped_[i]);
  }
  bool Wrapped(std::size_t i) const { return unrounded_[i] > 0 && zero_point_[i] < 0; }

  // True if some parameter of the tile may have met a trap. The loops have no branches, because
  // loops with branches would not become vectors.
  bool MayHaveMetATrap() const {
    unsigned met = rule_.mx && rule_.args->symmetric;
    for (std::size_t i = 0; i < kTile; ++i) {
      met |= std::fabs(returned_[i]) <= std::numeric_limits<ScaleWide>::max() ? 0 : 1;
    }
    for (std::size_t i = 0; i < kTile; ++i) met |= scale_[i] == 0 ? 1 : 0;
    for (std::size_t i = 0; i < kTile; ++i) met |= high_[i] - low_[i] == 0 ? 1 : 0;
    if (!rule_.args->symmetric) {
      for (std::size_t i = 0; i < kTile; ++i) met |= unrounded_[i] == unrounded_[i] ? 0 : 1;
      for (std::size_t i = 0; i < kTile; ++i) {
        const Wide below = -zero_point_[i];
        met |= (unrounded_[i] < below ? unrounded_[i] : below) > 0 ? 1 : 0;
      }
    }
    if (rule_.args->scale_dtype) {
      for (std::size_t i = 0; i < kTile; ++i) met |= to_scale_dtype_.Exceeds(unclamped_[i]) ? 1 : 0;
    }
    return met != 0;
  }

  void AddNotes() {
    for (std::size_t i = 0; i < count_; ++i) {
      const auto met = [&](QParamsTrap trap) {
        notes_.Add(trap, TrapOutcome::kFollowed, static_cast<std::int64_t>(first_ + i));
      };
      if (rule_.mx && rule_.args->symmetric && overflows_[i]) met(QParamsTrap::kMxOverflow);
      if (!rule_.args->symmetric) {
        if (std::isnan(unrounded_[i])) met(QParamsTrap::kZeroPointUndefined);
        if (Wrapped(i)) met(QParamsTrap::kZeroPointWrapped);
      }
      if (Saturated(i)) met(QParamsTrap::kScaleSaturated);
      if (!std::isfinite(scale_[i])) met(QParamsTrap::kScaleNotFinite);
      const bool zero_range = low_[i] == 0 && high_[i] == 0;
      if (zero_range) met(QParamsTrap::kZeroRange);
      if (scale_[i] == 0 && !zero_range) met(QParamsTrap::kScaleUnderflow);
    }
  }

  void StoreScales() { StoreTile<kScale>(returned_, first_, count_, qparams_.scale.elements); }

  const Rule& rule_;
  QParams& qparams_;
  MxPowers powers_;
  double element_exponent_;
  Wide width_;
  ScaleWide epsilon_;
  RoundingTo<kScale> to_scale_dtype_;
  RoundingTo<kDtype> own_zero_point_;
  RoundingTo<kPromoted> promoted_zero_point_;
  QParamsNotes notes_;

  // The tile: parameters from `first_` on.
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  Tile<Wide> low_;
  Tile<Wide> high_;
  Tile<Wide> local_;  // before the global scale
  Tile<bool> overflows_;
  Tile<ScaleWide> unclamped_;
  Tile<ScaleWide> scale_;
  Tile<ScaleWide> returned_;  // scale_, with 0 replaced
  Tile<Wide> unrounded_;
  Tile<Wide> zero_point_;
};

bool IsTorchFloat(Dtype dtype) { return IsFloat(dtype) && !IsFloat8(dtype); }

absl::Status CheckRangeDtype(Dtype dtype) {
  if (IsTorchFloat(dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a range of dtype ", DtypeName(dtype),
                   " has no qparams in reference arithmetic (allowed: F64, F32, F16, BF16)"));
}

// PyTorch refuses to clamp numbers of `from` to limits that `from` does not hold.
absl::Status CheckClamp(absl::string_view field, Dtype to, Dtype from) {
  if (LimitsOf(to).greatest <= LimitsOf(from).greatest) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " ", DtypeName(to), " cannot be given in reference arithmetic with ",
                   DtypeName(from), ", which does not hold its greatest value"));
}

// Adds the traps that all parameters of a tensor meet.
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
  ReferenceCalculation<kDtype, kScale> calculation(rule, qparams);
  calculation.Run(range);
  AddTensorNotes(rule, kDtype, static_cast<std::int64_t>(n), calculation.notes());
  qparams.notes = std::move(calculation.notes()).Release();
}

// The dtype of scales after they are multiplied with the global scale, which is F32 and has a
// dimension.
Dtype ScaleDtype(Dtype dtype, const Rule& rule) {
  if (!rule.global_scale) return dtype;
  return rule.scalar ? Dtype::kF32 : Promote(dtype, Dtype::kF32);
}

template <Dtype kDtype>
void RunAs(Dtype scale, const ElementRange& range, const Rule& rule, QParams& qparams) {
  if (scale == kDtype) return Run<kDtype, kDtype>(range, rule, qparams);
  // A global scale makes the scale F32; for F64, only if the tensor has no dimensions.
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
  // PyTorch computes a number divided by a tensor as the tensor's reciprocal times the number: two
  // roundings.
  const Wide reciprocal = Float::Round(1 / (absmax < least ? least : absmax));
  const Wide scale = Float::Round(reciprocal * Wide{448 * 6});
  return std::isfinite(scale) ? static_cast<float>(scale) : 1.0F;
}

void AddGparamNote(bool zero_range, double absmax, GlobalScale& scale) {
  QParamsNotes notes;
  const auto met = [&notes](QParamsTrap trap) { notes.Add(trap, TrapOutcome::kFollowed, 0); };
  if (zero_range) {
    met(QParamsTrap::kGlobalScaleZeroRange);
  } else if (scale.value == 0) {
    met(QParamsTrap::kGlobalScaleZero);
  } else if (!std::isfinite(scale.value)) {
    met(QParamsTrap::kGlobalScaleNotFinite);
  } else if (scale.value == 1 && absmax != 448 * 6) {
    met(QParamsTrap::kGlobalScaleReset);
  }
  scale.notes = std::move(notes).Release();
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
    // The global scale gives the scale a dimension. The zero point stays without a dimension.
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
