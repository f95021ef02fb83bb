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

/// Folds a series of records into a range. Pure: the same records in the same order give the same
/// bits. Not thread-safe.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Folds the series' next record. A record without elements changes nothing. All other records
  /// must have the dtype and the number of parameters of the first.
  virtual void Add(const Record& record) = 0;

  /// True until a record with elements is added.
  virtual bool empty() const = 0;

  /// The range of the added records. empty() must be false.
  virtual FoldedRange Answer() const = 0;

  /// An independent copy.
  virtual std::unique_ptr<Observer> Clone() const = 0;

  /// Saves the fold as bytes, which can be stored. An observer of the same name and options that
  /// restores them continues as this observer would, bit for bit. The bytes hold a version
  /// (core/fold/folded_state.h), and every later version of Calipers reads them.
  virtual std::string SaveState() const = 0;

  /// Replaces the fold with a saved one. INVALID_ARGUMENT, with the reason and without a change, if
  /// `state` is not from SaveState with this arithmetic.
  virtual absl::Status RestoreState(absl::string_view state) = 0;
};

/// The options of an observer. There is a member for each of observer_kwargs that some observer
/// knows.
struct ObserverOptions {
  double averaging_constant = 0.01;  // in [0, 1]
  Arithmetic arithmetic = Arithmetic::kExact;
  Weighting weighting = Weighting::kUniform;
};

/// The observer registered as `name`. INVALID_ARGUMENT, with the registered names, for any other
/// name. docs/add-an-observer.md says how to add an observer.
absl::StatusOr<std::unique_ptr<Observer>> MakeObserver(absl::string_view name,
                                                       const ObserverOptions& options);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_OBSERVER_H_
