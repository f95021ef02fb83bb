#ifndef CALIPERS_CORE_QPARAMS_ROUNDING_TO_H_
#define CALIPERS_CORE_QPARAMS_ROUNDING_TO_H_

#include <cmath>
#include <limits>

#include "core/qparams/tile.h"
#include "core/qparams/torch_float.h"
#include "core/tensor/dtype.h"
#include "core/tensor/dtype_limits.h"

namespace calipers {

/// As torch.clamp. NaN stays NaN.
template <typename T>
T Clamp(T x, T low, T high) {
  return x < low ? low : x > high ? high : x;
}

/// As torch.round, except for the sign of a zero.
template <typename T>
T RoundHalfToEven(T x) {
  // Above `kUnits` all numbers are whole. Up to twice `kUnits` they are 1 apart, so the addition
  // rounds.
  constexpr T kUnits = 1 / std::numeric_limits<T>::epsilon();
  constexpr T kHolder = kUnits * T{1.5};
  // Computed for every number, even if it is not needed, because a loop with a branch would not
  // become vectors.
  const T rounded = (x + kHolder) - kHolder;
  return std::fabs(x) < kUnits / 2 ? rounded : x;
}

/// compressed-tensors' round_to_quantized_type_dtype for numbers of `kFrom`. A number is clamped to
/// the limits of `to`, which are rounded to `kFrom` themselves. Then it is rounded, if `to` is an
/// integer dtype, and cast.
template <Dtype kFrom>
class RoundingTo {
 public:
  using Wide = typename TorchFloat<kFrom>::Wide;

  explicit RoundingTo(Dtype to)
      : to_(to),
        greatest_(LimitsOf(to).greatest),
        low_(TorchFloat<kFrom>::From(LimitsOf(to).lowest)),
        high_(TorchFloat<kFrom>::From(greatest_)) {}

  /// True if `x` is clamped from above.
  bool Exceeds(Wide x) const { return x > high_; }
  /// True if `x` is clamped from above and would not be rounded to the greatest value anyway.
  bool Saturates(Wide x) const {
    if (!Exceeds(x)) return false;
    return IsFloat(to_) ? Cast(x) != high_ : RoundHalfToEven(x) > greatest_;
  }

  void Apply(Tile<Wide>& tile) const {
    for (Wide& x : tile) x = Clamp(x, low_, high_);
    if (to_ == Dtype::kF8E4M3) {
      for (Wide& x : tile) x = RoundToF8E4M3(static_cast<float>(x));
    } else if (IsFloat(to_)) {
      for (Wide& x : tile) x = Cast(x);
    } else {
      for (Wide& x : tile) x = RoundHalfToEven(x);
      // A cast does not change a whole number below the greatest value. high_ may be above the
      // greatest value, because it is rounded to `kFrom`.
      unsigned others = 0;
      for (const Wide x : tile) others |= x < high_ ? 0 : 1;
      if (others == 0) return;
      for (Wide& x : tile) {
        if (!(x < greatest_)) x = Cast(x);
      }
    }
  }

 private:
  Wide Cast(Wide x) const { return static_cast<Wide>(TorchCast(to_, x)); }

  Dtype to_;
  double greatest_;
  // Not float64: GCC 12 omits the rounding to float32 of two members that lie side by side.
  Wide low_;
  Wide high_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_ROUNDING_TO_H_
