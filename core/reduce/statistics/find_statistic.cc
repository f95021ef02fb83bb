#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/reduce/statistics/registry.h"

namespace calipers {

absl::StatusOr<const Statistic*> FindStatistic(absl::string_view name) {
  for (const Statistic* const statistic : RegisteredStatistics()) {
    if (statistic->name() == name) return statistic;
  }
  std::vector<absl::string_view> names;
  for (const Statistic* const statistic : RegisteredStatistics()) {
    names.push_back(statistic->name());
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", name.substr(0, 100), "\" is not a statistic of this version: ",
      names.empty() ? "it has none" : absl::StrCat("it has ", absl::StrJoin(names, ", "))));
}

}  // namespace calipers
