#include "server/session/series_fold.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace calipers::server {

FoldSpec FoldSpec::Of(const SessionSpec& spec) {
  return {.observer = spec.args.observer,
          .options = {.averaging_constant = spec.args.averaging_constant,
                      .arithmetic = spec.arithmetic,
                      .weighting = spec.weighting},
          .non_finite_policy = spec.non_finite_policy,
          .statistics = spec.statistics};
}

SeriesFold::SeriesFold(const FoldSpec& spec)
    : non_finite_policy_(spec.non_finite_policy),
      observer_(*MakeObserver(spec.observer, spec.options)) {
  for (const Statistic* const statistic : spec.statistics) {
    parts_.push_back({statistic, statistic->NewFold()});
  }
}

SeriesFold::SeriesFold(const SeriesFold& other)
    : non_finite_policy_(other.non_finite_policy_),
      observer_(other.observer_->Clone()),
      last_(other.last_) {
  for (const Part& part : other.parts_) {
    parts_.push_back({part.statistic, part.fold->Clone()});
  }
}

absl::Status SeriesFold::Add(BatchIndex index, std::shared_ptr<const SeriesRecord> observed) {
  if (observed->dropped) {
    return absl::DataLossError(
        absl::StrCat("the values of record ", index,
                     " were dropped after they were folded, and the fold is missing: restore a "
                     "backup, or reset the session and send its batches again"));
  }
  if (LeftOut(non_finite_policy_, observed->record)) return absl::OkStatus();
  RETURN_IF_ERROR(AddStatistics(index, observed->record));
  observer_->Add(observed->record);
  last_ = std::move(observed);
  return absl::OkStatus();
}

absl::Status SeriesFold::AddStatistics(BatchIndex index, const Record& record) {
  for (const Part& part : parts_) {
    if (record.statistics().Find(part.statistic->name()) != nullptr) continue;
    return absl::DataLossError(
        absl::StrCat("record ", index, " lacks the statistic ", part.statistic->name(),
                     ": restore a backup, or reset the session and send its batches again"));
  }
  for (const Part& part : parts_) {
    part.fold->Add(*record.statistics().Find(part.statistic->name()));
  }
  return absl::OkStatus();
}

std::vector<StatisticValue> SeriesFold::StatisticAnswers() const {
  std::vector<StatisticValue> answers;
  for (const Part& part : parts_) {
    answers.push_back({std::string(part.statistic->name()), part.fold->Answer()});
  }
  return answers;
}

SeriesFold::State SeriesFold::SaveState() const {
  State state{.observer = observer_->SaveState()};
  for (const Part& part : parts_) {
    state.statistics.push_back({std::string(part.statistic->name()), part.fold->SaveState()});
  }
  return state;
}

absl::Status SeriesFold::RestoreState(const State& state,
                                      std::shared_ptr<const SeriesRecord> last) {
  RETURN_IF_ERROR(observer_->RestoreState(state.observer));
  if (state.statistics.size() != parts_.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the state has ", state.statistics.size(),
                                                   " statistics; the session has ", parts_.size()));
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (state.statistics[i].name != parts_[i].statistic->name()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the state lacks the statistic ", parts_[i].statistic->name()));
    }
    RETURN_IF_ERROR(parts_[i].fold->RestoreState(state.statistics[i].value));
  }
  if (observer_->empty() != (last == nullptr)) {
    return absl::InvalidArgumentError("the state and the last record contradict each other");
  }
  last_ = std::move(last);
  return absl::OkStatus();
}

std::size_t SeriesFold::bytes() const {
  // The sizes of the observer's fold in float64 (min and max of each parameter and of the whole
  // tensor), of the statistics' folds, and of the last record.
  if (last_ == nullptr) return sizeof(*this);
  std::size_t statistics = 0;
  for (const Part& part : parts_) statistics += sizeof(part) + part.fold->bytes();
  return sizeof(*this) + statistics + (2 * last_->record.num_params() + 2) * sizeof(double) +
         last_->record.heap_bytes();
}

}  // namespace calipers::server
