#include <algorithm>
#include <array>
#include <iterator>

#include "absl/status/status.h"
#include "core/args/observer_names.h"
#include "core/fold/observer.h"
#include "core/fold/observers/factories.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

struct Registration {
  absl::string_view name;
  std::unique_ptr<Observer> (*make)(const ObserverOptions&);
};

// A table, not objects that register themselves. A linker drops such objects from a static library,
// unless other code refers to them.
constexpr Registration kObservers[] = {
    {"memoryless_minmax", MakeMemorylessMinmax},
    {"minmax", MakeMinmax},
    {"static_minmax", MakeStaticMinmax},
};
static_assert(std::equal(std::begin(kObservers), std::end(kObservers), kObserverNames.begin(),
                         kObserverNames.end(),
                         [](const Registration& registration, absl::string_view name) {
                           return registration.name == name;
                         }),
              "each name in core/args/observer_names.h has its factory here, in the same order");

}  // namespace

absl::StatusOr<std::unique_ptr<Observer>> MakeObserver(absl::string_view name,
                                                       const ObserverOptions& options) {
  RETURN_IF_ERROR(CheckObserverName(name));
  const auto* const registration =
      std::find_if(std::begin(kObservers), std::end(kObservers),
                   [name](const Registration& each) { return each.name == name; });
  return registration->make(options);
}

}  // namespace calipers
