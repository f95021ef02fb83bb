#include "core/args/observer_names.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace calipers {

absl::Status CheckObserverName(absl::string_view name) {
  if (std::binary_search(kObserverNames.begin(), kObserverNames.end(), name)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "observer \"", name, "\" is not known (allowed: ", absl::StrJoin(kObserverNames, ", "), ")"));
}

}  // namespace calipers
