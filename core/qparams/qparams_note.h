#ifndef CALIPERS_CORE_QPARAMS_QPARAMS_NOTE_H_
#define CALIPERS_CORE_QPARAMS_QPARAMS_NOTE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace calipers {

/// Where the reference's rule for a scale, zero point or global scale gives what nobody
/// would choose. docs/qparams.md has each with an example. Values are stored; they must
/// not change.
enum class QParamsTrap : std::uint8_t {
  /// The range is [0, 0]: the scale is 0, and a value that depends on its dtype stands for it.
  kZeroRange = 1,
  /// The range is not, but its scale is below what the scale's dtype holds. The reference
  /// takes it for a zero range, whose scale is far above this one.
  kScaleUnderflow = 2,
  /// The scale is above the greatest value of scale_dtype, which stands for it.
  kScaleSaturated = 3,
  /// The scale is infinite or NaN.
  kScaleNotFinite = 4,
  /// The zero point came from 0 / 0 or NaN. As an integer the reference has what the
  /// processor makes of it; on x86 0.
  kZeroPointUndefined = 5,
  /// The zero point 32767 rounds to 32768 in the observed dtype, and that wraps to -32768.
  kZeroPointWrapped = 6,
  /// 2^16 - 1 is infinite in float16: every scale is 0 and then replaced.
  kLevelsOverflow = 7,
  /// A range at the top of its dtype has an infinite power of two above it.
  kMxOverflow = 8,
  /// MX scales are exponents, but the rule for ranges that are not symmetric gives numbers, and
  /// a global scale is multiplied with the exponent.
  kMxNotExponents = 9,
  /// An infinite range has a global scale of 0, and local scales of NaN or their replacement.
  kGlobalScaleZero = 10,
  /// 2688 / absmax is above the greatest value of the dtype (float16: for absmax below 0.041),
  /// or NaN, and 1 stands for it.
  kGlobalScaleReset = 11,
  /// As above, but found first in float64: the global scale is infinite in float32.
  kGlobalScaleNotFinite = 12,
};

/// What was made of a trap.
enum class TrapOutcome : std::uint8_t {
  /// The answer is the reference's.
  kFollowed = 1,
  /// The answer is better than the reference's.
  kRepaired = 2,
};

/// A trap that an answer met, with `count` of its parameters, the one at `first` before all
/// others; that of a global scale with one at 0.
struct QParamsNote {
  QParamsTrap trap = QParamsTrap::kZeroRange;
  TrapOutcome outcome = TrapOutcome::kFollowed;
  std::int64_t count = 0;
  std::int64_t first = 0;

  friend bool operator==(const QParamsNote&, const QParamsNote&) = default;
};

/// The trap's name for programs: "zero_range", "scale_underflow" ...
absl::string_view TrapName(QParamsTrap trap);

/// A sentence for people: what was met, how often and where, and what was made of it.
std::string NoteText(const QParamsNote& note);

/// The notes of an answer while it is made: at most one a trap and outcome, in the order in
/// which they came.
class QParamsNotes {
 public:
  /// A parameter met the trap. Called with growing parameters.
  void Add(QParamsTrap trap, TrapOutcome outcome, std::int64_t parameter);
  std::vector<QParamsNote> Release() && { return std::move(notes_); }

 private:
  std::vector<QParamsNote> notes_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_QPARAMS_NOTE_H_
