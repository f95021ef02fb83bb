#include "core/qparams/qparams_note.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace calipers {
namespace {

// The texts for a trap and for its two outcomes; "" for an outcome that does not occur.
struct Words {
  absl::string_view met;
  absl::string_view followed;
  absl::string_view repaired;
};

Words WordsOf(QParamsTrap trap) {
  switch (trap) {
    case QParamsTrap::kZeroRange:
      return {"the range is [0, 0]", "the scale is the epsilon of its dtype", ""};
    case QParamsTrap::kScaleUnderflow:
      return {"the scale is below what its dtype holds", "the scale is the epsilon of its dtype",
              "the scale is the least positive value of its dtype"};
    case QParamsTrap::kScaleSaturated:
      return {"the scale is above what scale_dtype holds",
              "the scale is the greatest value of scale_dtype", ""};
    case QParamsTrap::kScaleNotFinite:
      return {"the range or its width is infinite or NaN", "so is the scale", ""};
    case QParamsTrap::kZeroPointUndefined:
      return {"the zero point is 0 / 0 or NaN", "it is what a processor makes of NaN",
              "it is the lowest quantized value"};
    case QParamsTrap::kZeroPointWrapped:
      return {"the zero point 32767 is 32768 in the observed dtype", "it is -32768", "it is 32767"};
    case QParamsTrap::kLevelsOverflow:
      return {"2^16 - 1 is infinite in F16", "the scale is the epsilon of its dtype",
              "the scale is that of the range"};
    case QParamsTrap::kMxOverflow:
      return {"the power of two above the range is infinite in the observed dtype",
              "the scale is infinite", "the scale is that of the range"};
    case QParamsTrap::kMxNotExponents:
      return {"MX scales are not symmetric or have a global scale",
              "the scale has nothing to do with the range", ""};
    case QParamsTrap::kGlobalScaleZero:
      return {"the range behind the global scale is infinite", "the global scale is 0", ""};
    case QParamsTrap::kGlobalScaleReset:
      return {"2688 / absmax is not finite in the observed dtype", "the global scale is 1",
              "the global scale is that of the range"};
    case QParamsTrap::kGlobalScaleNotFinite:
      return {"2688 / absmax is not finite in F32", "the global scale is infinite", ""};
    case QParamsTrap::kGlobalScaleZeroRange:
      return {"the range behind the global scale is [0, 0]", "the global scale is 1", ""};
    case QParamsTrap::kStoredScaleNotFinite:
      return {"the scale is above what the module's dtype holds", "the stored scale is infinite",
              ""};
    case QParamsTrap::kStoredScaleZero:
      return {"the scale is below what the module's dtype holds", "the stored scale is 0", ""};
  }
  return {"?", "?", "?"};
}

}  // namespace

absl::string_view TrapName(QParamsTrap trap) {
  switch (trap) {
    case QParamsTrap::kZeroRange:
      return "zero_range";
    case QParamsTrap::kScaleUnderflow:
      return "scale_underflow";
    case QParamsTrap::kScaleSaturated:
      return "scale_saturated";
    case QParamsTrap::kScaleNotFinite:
      return "scale_not_finite";
    case QParamsTrap::kZeroPointUndefined:
      return "zero_point_undefined";
    case QParamsTrap::kZeroPointWrapped:
      return "zero_point_wrapped";
    case QParamsTrap::kLevelsOverflow:
      return "levels_overflow";
    case QParamsTrap::kMxOverflow:
      return "mx_overflow";
    case QParamsTrap::kMxNotExponents:
      return "mx_not_exponents";
    case QParamsTrap::kGlobalScaleZero:
      return "global_scale_zero";
    case QParamsTrap::kGlobalScaleReset:
      return "global_scale_reset";
    case QParamsTrap::kGlobalScaleNotFinite:
      return "global_scale_not_finite";
    case QParamsTrap::kGlobalScaleZeroRange:
      return "global_scale_zero_range";
    case QParamsTrap::kStoredScaleNotFinite:
      return "stored_scale_not_finite";
    case QParamsTrap::kStoredScaleZero:
      return "stored_scale_zero";
  }
  return "?";
}

std::string NoteText(const QParamsNote& note) {
  const Words words = WordsOf(note.trap);
  return absl::StrCat(
      words.met, " (", note.count, note.count == 1 ? " parameter" : " parameters", ", first ",
      note.first, "): ", note.outcome == TrapOutcome::kFollowed ? words.followed : words.repaired);
}

void QParamsNotes::Add(QParamsTrap trap, TrapOutcome outcome, std::int64_t parameter) {
  for (QParamsNote& note : notes_) {
    if (note.trap == trap && note.outcome == outcome) {
      ++note.count;
      return;
    }
  }
  notes_.push_back({trap, outcome, 1, parameter});
}

}  // namespace calipers
