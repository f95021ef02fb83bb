#ifndef CALIPERS_CORE_FOLD_OBSERVER_H_
#define CALIPERS_CORE_FOLD_OBSERVER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/arithmetic.h"
#include "core/args/weighting.h"
#include "core/fold/folded_range.h"
#include "core/reduce/record.h"

namespace calipers {

/// A fold from a series of records to a range. A pure fold: the same records in
/// the same order give the same bits. Not thread-safe.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Folds in the series' next record. Records without elements change
  /// nothing. All others must have the dtype and number of parameters of the
  /// first.
  virtual void Add(const Record& record) = 0;

  /// True while no record with elements was added.
  virtual bool empty() const = 0;

  /// The range of what was added; empty() must be false.
  virtual FoldedRange Answer() const = 0;

  /// A copy that goes on by itself.
  virtual std::unique_ptr<Observer> Clone() const = 0;

  /// What was folded so far, as bytes to be stored: an observer of the same name and
  /// options that restores them goes on as this one would, bit for bit. Of one version,
  /// which they name (core/fold/folded_state.h); every later version of Calipers reads it.
  virtual std::string SaveState() const = 0;

  /// Takes the place of what was folded. INVALID_ARGUMENT, saying what is wrong, if
  /// `state` is not what SaveState gives under this arithmetic; then nothing changes.
  virtual absl::Status RestoreState(absl::string_view state) = 0;
};

/// What an observer is made from: of observer_kwargs, a member for each that some observer
/// knows.
struct ObserverOptions {
  double averaging_constant = 0.01;  // in [0, 1]
  Arithmetic arithmetic = Arithmetic::kExact;
  Weighting weighting = Weighting::kUniform;
};

/// The observer registered as `name`; INVALID_ARGUMENT, naming those there are,
/// for any other. docs/add-an-observer.md says how one is added.
absl::StatusOr<std::unique_ptr<Observer>> MakeObserver(absl::string_view name,
                                                       const ObserverOptions& options);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_OBSERVER_H_
