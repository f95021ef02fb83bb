#ifndef CALIPERS_CORE_QPARAMS_QPARAMS_NOTE_H_
#define CALIPERS_CORE_QPARAMS_QPARAMS_NOTE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace calipers {

/// A case in which the reference's rule for a scale, zero point or global scale gives a result that
/// nobody would choose. docs/qparams.md has an example of each. Values are stored; they must not
/// change.
enum class QParamsTrap : std::uint8_t {
  /// The range is [0, 0], so the scale is 0. A value that depends on the scale's dtype replaces it.
  kZeroRange = 1,
  /// The range is not [0, 0], but its scale is below the values that the scale's dtype holds. The
  /// reference treats the range as [0, 0], whose scale is far above the range's own scale.
  kScaleUnderflow = 2,
  /// The scale is above the greatest value of scale_dtype, which replaces it.
  kScaleSaturated = 3,
  /// The scale is infinite or NaN.
  kScaleNotFinite = 4,
  /// The zero point is 0 / 0 or NaN. The reference converts it to an integer as the processor does;
  /// on x86 that gives 0.
  kZeroPointUndefined = 5,
  /// The zero point 32767 rounds to 32768 in the observed dtype, which wraps to -32768.
  kZeroPointWrapped = 6,
  /// 2^16 - 1 is infinite in float16, so every scale is 0 and is then replaced.
  kLevelsOverflow = 7,
  /// The range is at the top of its dtype, and the power of two above it is infinite.
  kMxOverflow = 8,
  /// MX scales are exponents, but the rule for ranges that are not symmetric gives numbers, and the
  /// rule for a global scale multiplies it with the exponent.
  kMxNotExponents = 9,
  /// The range is infinite, so the global scale is 0. Local scales are then NaN, or 0 and replaced.
  kGlobalScaleZero = 10,
  /// 2688 / absmax is NaN or above the greatest value of the dtype (in float16: for absmax below
  /// 0.041). 1 replaces it.
  kGlobalScaleReset = 11,
  /// 2688 / absmax is computed in float64 and finite there, but the global scale is infinite in
  /// float32.
  kGlobalScaleNotFinite = 12,
  /// The range behind the global scale is [0, 0]. 1 replaces 2688 / 0.
  kGlobalScaleZeroRange = 13,
  /// The module's dtype is F16, because the tensor is not of a dtype that PyTorch computes in, and
  /// the scale is above the greatest value of F16.
  kStoredScaleNotFinite = 14,
  /// The same, and the scale is below the least value of F16.
  kStoredScaleZero = 15,
};

/// How a trap was handled.
enum class TrapOutcome : std::uint8_t {
  /// The result is that of the reference.
  kFollowed = 1,
  /// The result is better than that of the reference.
  kRepaired = 2,
};

/// A trap that a result met. `count` is the number of parameters that met it, and `first` is the
/// first of them. A trap of a global scale has count 1 and first 0.
struct QParamsNote {
  QParamsTrap trap = QParamsTrap::kZeroRange;
  TrapOutcome outcome = TrapOutcome::kFollowed;
  std::int64_t count = 0;
  std::int64_t first = 0;

  friend bool operator==(const QParamsNote&, const QParamsNote&) = default;
};

/// The trap's name for programs: "zero_range", "scale_underflow" ...
absl::string_view TrapName(QParamsTrap trap);

/// A sentence for people: the trap, how many parameters met it, the first of them, and the outcome.
std::string NoteText(const QParamsNote& note);

/// Collects the notes of a result: at most one note for each trap and outcome, in the order in
/// which they came.
class QParamsNotes {
 public:
  /// Adds that `parameter` met the trap. The parameters of a trap must come in increasing order.
  void Add(QParamsTrap trap, TrapOutcome outcome, std::int64_t parameter);
  std::vector<QParamsNote> Release() && { return std::move(notes_); }

 private:
  std::vector<QParamsNote> notes_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_QPARAMS_NOTE_H_
