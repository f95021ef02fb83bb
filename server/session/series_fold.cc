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
          .non_finite_policy = spec.non_finite_policy};
}

SeriesFold::SeriesFold(const FoldSpec& spec)
    : non_finite_policy_(spec.non_finite_policy),
      observer_(*MakeObserver(spec.observer, spec.options)) {}

SeriesFold::SeriesFold(const SeriesFold& other)
    : non_finite_policy_(other.non_finite_policy_),
      observer_(other.observer_->Clone()),
      last_(other.last_) {}

absl::Status SeriesFold::Add(BatchIndex index, std::shared_ptr<const SeriesRecord> observed) {
  if (observed->dropped) {
    return absl::DataLossError(
        absl::StrCat("the values of record ", index,
                     " were dropped after they were folded, and the fold is missing: restore a "
                     "backup, or reset the session and send its batches again"));
  }
  if (LeftOut(non_finite_policy_, observed->record)) return absl::OkStatus();
  observer_->Add(observed->record);
  last_ = std::move(observed);
  return absl::OkStatus();
}

absl::Status SeriesFold::RestoreState(const std::string& state,
                                      std::shared_ptr<const SeriesRecord> last) {
  RETURN_IF_ERROR(observer_->RestoreState(state));
  if (observer_->empty() != (last == nullptr)) {
    return absl::InvalidArgumentError("the state and the last record contradict each other");
  }
  last_ = std::move(last);
  return absl::OkStatus();
}

std::size_t SeriesFold::bytes() const {
  // The fold, in float64: min, max and the tensor's own two, and the record.
  if (last_ == nullptr) return sizeof(*this);
  return sizeof(*this) + (2 * last_->record.num_params() + 2) * sizeof(double) +
         last_->record.heap_bytes();
}

}  // namespace calipers::server
