#include "core/sweep.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

constexpr std::size_t kMaxConstants = 1024;

}  // namespace

absl::StatusOr<Sweep> Sweep::Make(const std::vector<double>& averaging_constants,
                                  Arithmetic arithmetic, Weighting weighting) {
  if (averaging_constants.empty() || averaging_constants.size() > kMaxConstants) {
    return absl::InvalidArgumentError(absl::StrCat("averaging_constants has ",
                                                   averaging_constants.size(), " entries; 1 to ",
                                                   kMaxConstants, " are allowed"));
  }
  std::vector<std::unique_ptr<Observer>> observers;
  observers.reserve(averaging_constants.size());
  for (const double constant : averaging_constants) {
    if (!(constant >= 0 && constant <= 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("averaging_constants has ", constant, "; each must be in [0, 1]"));
    }
    ASSIGN_OR_RETURN(observers.emplace_back(),
                     MakeObserver("minmax", {constant, arithmetic, weighting}));
  }
  return Sweep(std::move(observers));
}

void Sweep::Add(const Record& record) {
  for (const std::unique_ptr<Observer>& observer : observers_) observer->Add(record);
}

}  // namespace calipers
