#ifndef CALIPERS_SERVER_SESSION_SERIES_FOLD_H_
#define CALIPERS_SERVER_SESSION_SERIES_FOLD_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/fold/observer.h"
#include "core/reduce/statistic_values.h"
#include "core/reduce/statistics/registry.h"
#include "server/model/index_set.h"
#include "server/model/series_record.h"
#include "server/model/session_spec.h"

namespace calipers::server {

/// The rules of a fold.
struct FoldSpec {
  std::string observer;
  ObserverOptions options;
  NonFinitePolicy non_finite_policy = NonFinitePolicy::kPropagate;
  StatisticSet statistics = {};

  static FoldSpec Of(const SessionSpec& spec);
};

/// Folds a series record by record: an observer folds the range, and each statistic of the spec its
/// values. Copies are independent. Not thread-safe.
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
  /// The folded statistics, by name.
  std::vector<StatisticValue> StatisticAnswers() const;
  /// The last folded record; null if no record was folded.
  const std::shared_ptr<const SeriesRecord>& last() const { return last_; }

  /// The state: that of the observer, and those of the statistics' folds by name.
  struct State {
    std::string observer;
    std::vector<StatisticValue> statistics = {};
  };
  State SaveState() const;
  /// Restores a state of a fold of the same spec, together with the last folded record.
  /// INVALID_ARGUMENT for a malformed state; then drop this fold.
  absl::Status RestoreState(const State& state, std::shared_ptr<const SeriesRecord> last);

  /// Size in bytes, for memory budgets.
  std::size_t bytes() const;

 private:
  struct Part {
    const Statistic* statistic;
    std::unique_ptr<StatisticFold> fold;
  };

  absl::Status AddStatistics(BatchIndex index, const Record& record);

  NonFinitePolicy non_finite_policy_;
  std::unique_ptr<Observer> observer_;
  std::vector<Part> parts_;
  std::shared_ptr<const SeriesRecord> last_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SERIES_FOLD_H_
