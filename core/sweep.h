#ifndef CALIPERS_CORE_SWEEP_H_
#define CALIPERS_CORE_SWEEP_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arithmetic.h"
#include "core/observer.h"
#include "core/record.h"

namespace calipers {

/// The moving averages of one series for many averaging constants at once: what as
/// many "minmax" observers would answer. Movable; not thread-safe.
class Sweep {
 public:
  /// INVALID_ARGUMENT unless there are 1 to 1,024 constants, each in [0, 1].
  static absl::StatusOr<Sweep> Make(const std::vector<double>& averaging_constants,
                                    Arithmetic arithmetic, Weighting weighting);

  /// As Observer::Add.
  void Add(const Record& record);

  /// True while no record with elements was added.
  bool empty() const { return observers_.front()->empty(); }

  /// As Observer::Answer, for the constant at `i`; empty() must be false.
  FoldedRange Answer(std::size_t i) const { return observers_[i]->Answer(); }

 private:
  explicit Sweep(std::vector<std::unique_ptr<Observer>> observers)
      : observers_(std::move(observers)) {}

  std::vector<std::unique_ptr<Observer>> observers_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_SWEEP_H_
