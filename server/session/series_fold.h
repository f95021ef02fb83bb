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

/// How a fold goes about a series.
struct FoldSpec {
  std::string observer;
  ObserverOptions options;
  NonFinitePolicy non_finite_policy = NonFinitePolicy::kPropagate;

  static FoldSpec Of(const SessionSpec& spec);
};

/// An observer on its way through a series. Copies go on by themselves. Not
/// thread-safe.
class SeriesFold {
 public:
  /// `spec.observer` is a registered name.
  explicit SeriesFold(const FoldSpec& spec);
  SeriesFold(const SeriesFold& other);
  SeriesFold& operator=(const SeriesFold&) = delete;

  /// Takes in the series' next record. DATA_LOSS if its values were dropped.
  absl::Status Add(BatchIndex index, std::shared_ptr<const SeriesRecord> observed);

  /// True while nothing was folded.
  bool empty() const { return last_ == nullptr; }
  /// Of what was folded; empty() must be false.
  FoldedRange Answer() const { return observer_->Answer(); }
  /// The last record that was folded; null if there is none.
  const std::shared_ptr<const SeriesRecord>& last() const { return last_; }

  /// The observer's state, to be restored into a fold of the same spec, with the last
  /// record that was folded. INVALID_ARGUMENT, and nothing changes, if it is not one.
  std::string SaveState() const { return observer_->SaveState(); }
  absl::Status RestoreState(const std::string& state, std::shared_ptr<const SeriesRecord> last);

  /// Bytes that it takes, for budgets.
  std::size_t bytes() const;

 private:
  NonFinitePolicy non_finite_policy_;
  std::unique_ptr<Observer> observer_;
  std::shared_ptr<const SeriesRecord> last_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SERIES_FOLD_H_
