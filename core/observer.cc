#include "core/observer.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/observers/factories.h"

namespace calipers {
namespace {

struct Registration {
  absl::string_view name;
  std::unique_ptr<Observer> (*make)(const ObserverOptions&);
};

// Sorted by name. A table, and not objects that register themselves: a linker
// drops those from a static library unless something else refers to them.
constexpr Registration kObservers[] = {
    {"memoryless_minmax", MakeMemorylessMinmax},
    {"minmax", MakeMinmax},
    {"static_minmax", MakeStaticMinmax},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Observer>> MakeObserver(absl::string_view name,
                                                       const ObserverOptions& options) {
  for (const Registration& registration : kObservers) {
    if (registration.name == name) return registration.make(options);
  }
  return absl::InvalidArgumentError(absl::StrCat("observer \"", name, "\" is not known (allowed: ",
                                                 absl::StrJoin(ObserverNames(), ", "), ")"));
}

std::vector<absl::string_view> ObserverNames() {
  std::vector<absl::string_view> names;
  for (const Registration& registration : kObservers) names.push_back(registration.name);
  return names;
}

}  // namespace calipers
