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

/// The state of an observer of ranges: the folded range of each parameter and of the whole tensor,
/// and the ways to fold one more record. The arithmetic decides how values are rounded. Copyable;
/// not thread-safe.
///
/// All records must have elements, one dtype (not F8 in reference arithmetic) and one number of
/// parameters. The first record is taken as it is. After the first record, folding allocates no
/// memory.
class FoldedState {
 public:
  explicit FoldedState(Arithmetic arithmetic) : arithmetic_(arithmetic) {}

  /// True until the first record.
  bool empty() const { return values_.empty(); }

  /// The record's range replaces the folded range.
  void Replace(const Record& record);
  /// The extremes of the folded range and the record; NaN if either is NaN.
  void Widen(const Record& record);
  /// past * (1 - c) + current * c. With c == 1 as Replace, so that an infinity or NaN of the past
  /// is dropped.
  void Average(const Record& record, double c);

  /// empty() must be false.
  FoldedRange Answer() const;

  /// As Observer::SaveState. The layout, little-endian:
  /// - one byte each for the version (1), the Arithmetic and the Dtype
  /// - five zero bytes
  /// - the number of parameters, as 64 bits
  /// - the values as float64: min[n], max[n], global min, global max; no values if there was no
  ///   record
  std::string Save() const;
  /// As Observer::RestoreState.
  absl::Status Restore(absl::string_view saved);

 private:
  // Folds elements into the values from `at` on.
  void Fold(FoldStep step, double c, absl::Span<const std::byte> elements, std::size_t at);
  // The dtype of the answer.
  Dtype AnswerDtype() const;

  Arithmetic arithmetic_;
  Dtype dtype_ = Dtype::kF32;
  std::size_t num_params_ = 0;
  // min[n], max[n], global min, global max, in one array, as in a record.
  std::vector<double> values_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_FOLDED_STATE_H_
