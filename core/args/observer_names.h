#ifndef CALIPERS_CORE_ARGS_OBSERVER_NAMES_H_
#define CALIPERS_CORE_ARGS_OBSERVER_NAMES_H_

#include <array>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace calipers {

/// The names of the observers, sorted. core/fold/observers/registry.cc has a factory for each.
inline constexpr std::array<absl::string_view, 3> kObserverNames = {"memoryless_minmax", "minmax",
                                                                    "static_minmax"};

/// INVALID_ARGUMENT, listing the known names, unless `name` is one of them.
absl::Status CheckObserverName(absl::string_view name);

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_OBSERVER_NAMES_H_
