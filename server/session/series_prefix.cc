#include "server/session/series_prefix.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/storage/rows.h"

namespace calipers::server {

absl::StatusOr<SeriesPrefix> SeriesPrefix::Restore(const SessionSpec* spec,
                                                   const Checkpoint& checkpoint) {
  ASSIGN_OR_RETURN(SeriesState state, DecodeState(checkpoint.state));
  SeriesPrefix prefix(spec);
  const absl::Status restored = prefix.fold_.RestoreState(
      {std::move(state.observer_state), std::move(state.statistics)}, std::move(state.last));
  if (!restored.ok()) {
    return absl::DataLossError(absl::StrCat("a stored checkpoint: ", restored.message()));
  }
  if (state.coverage.count != checkpoint.prefix_end) {
    return absl::DataLossError("a stored checkpoint has a record count that contradicts its end");
  }
  prefix.coverage_ = std::move(state.coverage);
  prefix.end_ = checkpoint.prefix_end;
  prefix.dtype_ = state.dtype;
  return prefix;
}

Checkpoint SeriesPrefix::Save(const std::optional<std::vector<std::int64_t>>& qparam_shape) const {
  SeriesFold::State state = fold_.SaveState();
  return {end_, EncodeState({.observer_state = std::move(state.observer),
                             .statistics = std::move(state.statistics),
                             .last = fold_.last(),
                             .dtype = dtype_,
                             .qparam_shape = qparam_shape,
                             .coverage = coverage_})};
}

absl::Status SeriesPrefix::Add(const std::shared_ptr<const SeriesRecord>& observed) {
  RETURN_IF_ERROR(fold_.Add(end_, observed));
  coverage_.Add(*spec_, *observed);
  if (!observed->record.empty()) dtype_ = observed->record.dtype();
  ++end_;
  return absl::OkStatus();
}

}  // namespace calipers::server
