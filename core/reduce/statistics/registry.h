#ifndef CALIPERS_CORE_REDUCE_STATISTICS_REGISTRY_H_
#define CALIPERS_CORE_REDUCE_STATISTICS_REGISTRY_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/reduce/statistic.h"

namespace calipers {

/// Statistics that a session keeps, sorted by name, each at most once.
using StatisticSet = std::vector<const Statistic*>;

/// All statistics of this program, sorted by name. docs/add-a-statistic.md says how to add one.
absl::Span<const Statistic* const> RegisteredStatistics();

/// The statistic of this name. INVALID_ARGUMENT, with the registered names, for an unknown name.
absl::StatusOr<const Statistic*> FindStatistic(absl::string_view name);

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_STATISTICS_REGISTRY_H_
