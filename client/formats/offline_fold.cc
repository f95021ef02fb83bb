#include "client/formats/offline_fold.h"

#include "absl/strings/str_cat.h"
#include "client/formats/record_from_proto.h"
#include "core/status_macros.h"

namespace calipers::client {

absl::StatusOr<OfflineFold> OfflineFold::Make(const v1::Session& spec) {
  ObserverOptions options;
  const v1::ObserverKwargs& kwargs = spec.args().observer_kwargs();
  if (kwargs.has_averaging_constant()) options.averaging_constant = kwargs.averaging_constant();
  if (!(options.averaging_constant >= 0 && options.averaging_constant <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "averaging_constant is ", options.averaging_constant, "; it must be in [0, 1]"));
  }
  if (spec.arithmetic() == v1::ARITHMETIC_REFERENCE) options.arithmetic = Arithmetic::kReference;
  if (spec.weighting() == v1::WEIGHTING_NUM_OBSERVATIONS) {
    options.weighting = Weighting::kNumObservations;
  }
  const std::string& observer = spec.args().observer();
  ASSIGN_OR_RETURN(std::unique_ptr<Observer> made,
                   MakeObserver(observer.empty() ? "minmax" : observer, options));
  return OfflineFold(std::move(made), options.arithmetic,
                     spec.non_finite_policy() == v1::NON_FINITE_POLICY_SKIP
                         ? NonFinitePolicy::kSkip
                         : NonFinitePolicy::kPropagate);
}

absl::Status OfflineFold::CheckFits(const Record& record) const {
  if (arithmetic_ == Arithmetic::kReference && IsFloat8(record.dtype())) {
    return absl::InvalidArgumentError(absl::StrCat("dtype ", DtypeName(record.dtype()),
                                                   " cannot be folded in reference arithmetic"));
  }
  if (folded_count_ == 0) return absl::OkStatus();
  if (record.dtype() == dtype_ && record.num_params() == num_params_) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("it has ", record.num_params(), " parameters of ", DtypeName(record.dtype()),
                   "; those before it have ", num_params_, " of ", DtypeName(dtype_)));
}

absl::Status OfflineFold::Add(const v1::SeriesRecord& given) {
  if (IsDropped(given)) dropped_ = true;
  if (dropped_) return absl::OkStatus();
  absl::StatusOr<Record> record = ToRecord(given);
  absl::Status status = record.status();
  if (status.ok() && !record->empty()) status = CheckFits(*record);
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("record ", given.observation().header().index(), ": ", status.message()));
  }
  if (LeftOut(policy_, *record)) return absl::OkStatus();
  dtype_ = record->dtype();
  num_params_ = record->num_params();
  observer_->Add(*record);
  ++folded_count_;
  return absl::OkStatus();
}

}  // namespace calipers::client
