#ifndef CALIPERS_SERVER_SESSION_SERIES_FOLD_H_
#define CALIPERS_SERVER_SESSION_SERIES_FOLD_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/fold/observer.h"
#include "server/model/index_set.h"
#include "server/model/series_record.h"
#include "server/model/session_spec.h"

namespace calipers::server {

/// The rules of a fold.
struct FoldSpec {
  std::string observer;
  ObserverOptions options;
  NonFinitePolicy non_finite_policy = NonFinitePolicy::kPropagate;

  static FoldSpec Of(const SessionSpec& spec);
};

/// An observer that folds a series record by record. Copies are independent. Not thread-safe.
class SeriesFold {
 public:
  /// `spec.observer` is a registered name.
  explicit SeriesFold(const FoldSpec& spec);
  SeriesFold(const SeriesFold& other);
  SeriesFold& operator=(const SeriesFold&) = delete;

  /// Folds the series' next record. DATA_LOSS if its values were dropped.
  absl::Status Add(BatchIndex index, std::shared_ptr<const SeriesRecord> observed);

  /// True if no record was folded.
  bool empty() const { return last_ == nullptr; }
  /// The folded range; empty() must be false.
  FoldedRange Answer() const { return observer_->Answer(); }
  /// The last folded record; null if no record was folded.
  const std::shared_ptr<const SeriesRecord>& last() const { return last_; }

  /// Saves and restores the observer's state. A state is restored into a fold of the same spec,
  /// together with the last folded record. INVALID_ARGUMENT, without a change, for a malformed
  /// state.
  std::string SaveState() const { return observer_->SaveState(); }
  absl::Status RestoreState(const std::string& state, std::shared_ptr<const SeriesRecord> last);

  /// Size in bytes, for memory budgets.
  std::size_t bytes() const;

 private:
  NonFinitePolicy non_finite_policy_;
  std::unique_ptr<Observer> observer_;
  std::shared_ptr<const SeriesRecord> last_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SERIES_FOLD_H_
