#include "core/fold/sweep.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

constexpr std::size_t kMaxConstants = 1024;

absl::Status Check(const std::vector<double>& averaging_constants) {
  if (averaging_constants.empty() || averaging_constants.size() > kMaxConstants) {
    return absl::InvalidArgumentError(absl::StrCat("averaging_constants has ",
                                                   averaging_constants.size(), " entries; 1 to ",
                                                   kMaxConstants, " are allowed"));
  }
  for (const double constant : averaging_constants) {
    if (!(constant >= 0 && constant <= 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("averaging_constants has ", constant, "; each must be in [0, 1]"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Sweep> Sweep::Make(const std::vector<double>& averaging_constants,
                                  Arithmetic arithmetic, Weighting weighting) {
  RETURN_IF_ERROR(Check(averaging_constants));
  if (arithmetic == Arithmetic::kExact) {
    return Sweep(SweepAverages(averaging_constants, weighting));
  }
  Observers observers(averaging_constants.size());
  for (std::size_t i = 0; i < observers.size(); ++i) {
    ASSIGN_OR_RETURN(observers[i],
                     MakeObserver("minmax", {averaging_constants[i], arithmetic, weighting}));
  }
  return Sweep(std::move(observers));
}

void Sweep::Add(const Record& record) {
  if (auto* const averages = std::get_if<SweepAverages>(&folds_)) return averages->Add(record);
  for (const auto& observer : std::get<Observers>(folds_)) observer->Add(record);
}

bool Sweep::empty() const {
  if (const auto* const averages = std::get_if<SweepAverages>(&folds_)) return averages->empty();
  return std::get<Observers>(folds_).front()->empty();
}

FoldedRange Sweep::Answer(std::size_t i) {
  if (auto* const averages = std::get_if<SweepAverages>(&folds_)) return averages->Answer(i);
  return std::get<Observers>(folds_)[i]->Answer();
}

}  // namespace calipers
