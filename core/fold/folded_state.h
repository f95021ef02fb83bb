#ifndef CALIPERS_CORE_FOLD_FOLDED_STATE_H_
#define CALIPERS_CORE_FOLD_FOLDED_STATE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/args/arithmetic.h"
#include "core/fold/fold_values.h"
#include "core/fold/folded_range.h"
#include "core/reduce/record.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// What an observer of ranges holds: the range folded so far, of every parameter
/// and of the whole tensor, and the ways to fold one more record into it. The
/// arithmetic decides how values round. Copyable; not thread-safe.
///
/// Records must hold elements, all of one dtype (in reference arithmetic none of
/// the F8) and of one number of parameters. The first is taken as it is. After
/// it, nothing allocates.
class FoldedState {
 public:
  explicit FoldedState(Arithmetic arithmetic) : arithmetic_(arithmetic) {}

  /// True while there was no record.
  bool empty() const { return values_.empty(); }

  /// Forgets what was; the record is the range.
  void Replace(const Record& record);
  /// The extremes of what was and the record; NaN where either is.
  void Widen(const Record& record);
  /// past * (1 - c) + current * c. With c == 1 as Replace, so that an infinity or
  /// NaN of the past is gone.
  void Average(const Record& record, double c);

  /// empty() must be false.
  FoldedRange Answer() const;

  /// As Observer::SaveState: a byte each for the version (1), the Arithmetic and the
  /// Dtype, five zeros, the number of parameters as 64 bits, then the values as
  /// float64: min[n], max[n], global min, global max; nothing behind the number for a
  /// state without records. Little-endian.
  std::string Save() const;
  /// As Observer::RestoreState.
  absl::Status Restore(absl::string_view saved);

 private:
  // Takes elements into the values from `at` on.
  void Fold(FoldStep step, double c, absl::Span<const std::byte> elements, std::size_t at);
  // The dtype of the answer.
  Dtype AnswerDtype() const;

  Arithmetic arithmetic_;
  Dtype dtype_ = Dtype::kF32;
  std::size_t num_params_ = 0;
  // min[n], max[n], global min, global max: all in one place, as in a record.
  std::vector<double> values_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_FOLDED_STATE_H_
