#ifndef CALIPERS_CORE_FOLD_SWEEP_H_
#define CALIPERS_CORE_FOLD_SWEEP_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/args/arithmetic.h"
#include "core/args/weighting.h"
#include "core/fold/observer.h"
#include "core/fold/sweep_averages.h"
#include "core/reduce/record.h"

namespace calipers {

/// The moving averages of one series for many averaging constants at once: the answers of one
/// "minmax" observer for each constant. In reference arithmetic the bits are the same. In exact
/// arithmetic the answers are as near as core/fold/sweep_averages.h says. Movable; not thread-safe.
class Sweep {
 public:
  /// INVALID_ARGUMENT unless there are 1 to 1,024 constants, each in [0, 1].
  static absl::StatusOr<Sweep> Make(const std::vector<double>& averaging_constants,
                                    Arithmetic arithmetic, Weighting weighting);

  /// As Observer::Add.
  void Add(const Record& record);

  /// True until a record with elements is added.
  bool empty() const;

  /// As Observer::Answer, for the constant at `i`; empty() must be false.
  FoldedRange Answer(std::size_t i);

 private:
  // One observer for each constant, because arithmetic that rounds at every step is not a matrix
  // product.
  using Observers = std::vector<std::unique_ptr<Observer>>;

  explicit Sweep(std::variant<Observers, SweepAverages> folds) : folds_(std::move(folds)) {}

  std::variant<Observers, SweepAverages> folds_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_SWEEP_H_
