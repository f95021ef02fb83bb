#include "server/model/session_proto.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/status_macros.h"
#include "server/model/proto_enums.h"

namespace calipers::server {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

// The statistics, sorted by name. A name that is given twice counts once.
absl::StatusOr<StatisticSet> StatisticsFromProto(
    const google::protobuf::RepeatedPtrField<std::string>& names) {
  StatisticSet statistics;
  for (const std::string& name : std::set<std::string>(names.begin(), names.end())) {
    const absl::StatusOr<const Statistic*> statistic = FindStatistic(name);
    if (!statistic.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("statistics: ", statistic.status().message()));
    }
    statistics.push_back(*statistic);
  }
  return statistics;
}

absl::StatusOr<std::optional<Dtype>> DtypeFromProto(absl::string_view field,
                                                    const std::string& name) {
  if (name.empty()) return std::nullopt;
  const absl::StatusOr<Dtype> dtype = ParseDtype(name);
  if (dtype.ok()) return *dtype;
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", dtype.status().message()));
}

}  // namespace

absl::StatusOr<QuantizationArgsInput> InputFromProto(const v1::QuantizationArgs& args) {
  QuantizationArgsInput input;
  if (args.has_num_bits()) input.num_bits = args.num_bits();
  ASSIGN_OR_RETURN(input.type, FromProto(args.type()));
  if (args.has_symmetric()) input.symmetric = args.symmetric();
  ASSIGN_OR_RETURN(input.strategy, FromProto(args.strategy()));
  if (args.has_group_size()) input.group_size = args.group_size();
  input.block_structure.assign(args.block_structure().begin(), args.block_structure().end());
  ASSIGN_OR_RETURN(input.dynamic, FromProto(args.dynamic()));
  ASSIGN_OR_RETURN(input.actorder, FromProto(args.actorder()));
  ASSIGN_OR_RETURN(input.scale_dtype, DtypeFromProto("args.scale_dtype", args.scale_dtype()));
  ASSIGN_OR_RETURN(input.zp_dtype, DtypeFromProto("args.zp_dtype", args.zp_dtype()));
  input.observer = args.observer();
  if (args.observer_kwargs().has_averaging_constant()) {
    input.averaging_constant = args.observer_kwargs().averaging_constant();
  }
  return input;
}

v1::QuantizationArgs ToProto(const QuantizationArgs& args) {
  v1::QuantizationArgs proto;
  proto.set_num_bits(args.num_bits);
  proto.set_type(args.type == QuantizationType::kInt ? v1::QUANTIZATION_TYPE_INT
                                                     : v1::QUANTIZATION_TYPE_FLOAT);
  proto.set_symmetric(args.symmetric);
  proto.set_strategy(ToProto(args.strategy));
  if (args.group_size) proto.set_group_size(*args.group_size);
  proto.mutable_block_structure()->Assign(args.block_structure.begin(), args.block_structure.end());
  proto.set_observer(args.observer);
  proto.mutable_observer_kwargs()->set_averaging_constant(args.averaging_constant);
  proto.set_dynamic(ToProto(args.dynamic));
  if (args.scale_dtype) proto.set_scale_dtype(std::string(DtypeName(*args.scale_dtype)));
  if (args.zp_dtype) proto.set_zp_dtype(std::string(DtypeName(*args.zp_dtype)));
  if (args.actorder) {
    proto.set_actorder(*args.actorder == Actorder::kWeight ? v1::ACTORDER_WEIGHT
                                                           : v1::ACTORDER_STATIC);
  }
  return proto;
}

absl::StatusOr<SessionSpec> SpecFromProto(const v1::Session& session) {
  ASSIGN_OR_RETURN(const QuantizationArgsInput input, InputFromProto(session.args()));
  SessionSpec spec;
  ASSIGN_OR_RETURN(spec.args, ResolveQuantizationArgs(input));
  ASSIGN_OR_RETURN(spec.arithmetic, FromProto(session.arithmetic()));
  ASSIGN_OR_RETURN(spec.non_finite_policy, FromProto(session.non_finite_policy()));
  ASSIGN_OR_RETURN(spec.weighting, FromProto(session.weighting()));
  ASSIGN_OR_RETURN(spec.retention, FromProto(session.retention()));
  if (!session.dtype().empty()) {
    ASSIGN_OR_RETURN(spec.dtype, ParseDtype(session.dtype()));
  }
  ASSIGN_OR_RETURN(spec.statistics, StatisticsFromProto(session.statistics()));
  return spec;
}

v1::Session ToProto(const SessionIdentity& identity) {
  const SessionSpec& spec = identity.spec;
  v1::Session proto;
  proto.set_name(identity.name.full());
  *proto.mutable_args() = ToProto(spec.args);
  proto.set_arithmetic(ToProto(spec.arithmetic));
  proto.set_non_finite_policy(ToProto(spec.non_finite_policy));
  proto.set_weighting(ToProto(spec.weighting));
  proto.set_retention(ToProto(spec.retention));
  if (spec.dtype) proto.set_dtype(std::string(DtypeName(*spec.dtype)));
  for (const Statistic* const statistic : spec.statistics) {
    proto.add_statistics(std::string(statistic->name()));
  }
  const std::int64_t nanos = absl::ToUnixNanos(identity.create_time);
  proto.mutable_create_time()->set_seconds(nanos / kNanosPerSecond);
  proto.mutable_create_time()->set_nanos(static_cast<int>(nanos % kNanosPerSecond));
  return proto;
}

absl::StatusOr<SessionIdentity> IdentityFromProto(const v1::Session& session) {
  ASSIGN_OR_RETURN(SessionName name, SessionName::Parse(session.name()));
  ASSIGN_OR_RETURN(SessionSpec spec, SpecFromProto(session));
  const google::protobuf::Timestamp& time = session.create_time();
  return SessionIdentity{std::move(name), std::move(spec),
                         absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos())};
}

}  // namespace calipers::server
