#include "server/model/session_proto.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

absl::StatusOr<Arithmetic> FromProto(v1::Arithmetic arithmetic) {
  switch (arithmetic) {
    case v1::ARITHMETIC_UNSPECIFIED:
    case v1::ARITHMETIC_EXACT:
      return Arithmetic::kExact;
    case v1::ARITHMETIC_REFERENCE:
      return Arithmetic::kReference;
    default:
      return UnknownEnum("arithmetic", arithmetic);
  }
}

absl::StatusOr<NonFinitePolicy> FromProto(v1::NonFinitePolicy policy) {
  switch (policy) {
    case v1::NON_FINITE_POLICY_UNSPECIFIED:
    case v1::NON_FINITE_POLICY_PROPAGATE:
      return NonFinitePolicy::kPropagate;
    case v1::NON_FINITE_POLICY_REJECT:
      return NonFinitePolicy::kReject;
    case v1::NON_FINITE_POLICY_SKIP:
      return NonFinitePolicy::kSkip;
    default:
      return UnknownEnum("non_finite_policy", policy);
  }
}

absl::StatusOr<Weighting> FromProto(v1::Weighting weighting) {
  switch (weighting) {
    case v1::WEIGHTING_UNSPECIFIED:
    case v1::WEIGHTING_UNIFORM:
      return Weighting::kUniform;
    case v1::WEIGHTING_NUM_OBSERVATIONS:
      return Weighting::kNumObservations;
    default:
      return UnknownEnum("weighting", weighting);
  }
}

absl::StatusOr<Retention> FromProto(v1::Retention retention) {
  switch (retention) {
    case v1::RETENTION_UNSPECIFIED:
    case v1::RETENTION_SERIES:
      return Retention::kSeries;
    case v1::RETENTION_FOLDED:
      return Retention::kFolded;
    default:
      return UnknownEnum("retention", retention);
  }
}

v1::NonFinitePolicy ToProto(NonFinitePolicy policy) {
  switch (policy) {
    case NonFinitePolicy::kPropagate:
      return v1::NON_FINITE_POLICY_PROPAGATE;
    case NonFinitePolicy::kReject:
      return v1::NON_FINITE_POLICY_REJECT;
    case NonFinitePolicy::kSkip:
      return v1::NON_FINITE_POLICY_SKIP;
  }
  return v1::NON_FINITE_POLICY_UNSPECIFIED;
}

absl::StatusOr<QuantizationType> FromProto(v1::QuantizationType type) {
  switch (type) {
    case v1::QUANTIZATION_TYPE_UNSPECIFIED:
    case v1::QUANTIZATION_TYPE_INT:
      return QuantizationType::kInt;
    case v1::QUANTIZATION_TYPE_FLOAT:
      return QuantizationType::kFloat;
    default:
      return UnknownEnum("args.type", type);
  }
}

absl::StatusOr<Dynamic> FromProto(v1::Dynamic dynamic) {
  switch (dynamic) {
    case v1::DYNAMIC_UNSPECIFIED:
    case v1::DYNAMIC_FALSE:
      return Dynamic::kFalse;
    case v1::DYNAMIC_TRUE:
      return Dynamic::kTrue;
    case v1::DYNAMIC_LOCAL:
      return Dynamic::kLocal;
    default:
      return UnknownEnum("args.dynamic", dynamic);
  }
}

v1::Dynamic ToProto(Dynamic dynamic) {
  switch (dynamic) {
    case Dynamic::kFalse:
      return v1::DYNAMIC_FALSE;
    case Dynamic::kTrue:
      return v1::DYNAMIC_TRUE;
    case Dynamic::kLocal:
      return v1::DYNAMIC_LOCAL;
  }
  return v1::DYNAMIC_UNSPECIFIED;
}

absl::StatusOr<std::optional<Actorder>> FromProto(v1::Actorder actorder) {
  switch (actorder) {
    case v1::ACTORDER_UNSPECIFIED:
      return std::nullopt;
    case v1::ACTORDER_WEIGHT:
      return Actorder::kWeight;
    case v1::ACTORDER_STATIC:
      return Actorder::kStatic;
    default:
      return UnknownEnum("args.actorder", actorder);
  }
}

absl::StatusOr<std::optional<Dtype>> DtypeFromProto(absl::string_view field,
                                                    const std::string& name) {
  if (name.empty()) return std::nullopt;
  const absl::StatusOr<Dtype> dtype = ParseDtype(name);
  if (dtype.ok()) return *dtype;
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", dtype.status().message()));
}

}  // namespace

absl::Status UnknownEnum(absl::string_view field, int value) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, " has the value ", value, ", which is not in calipers.v1"));
}

absl::StatusOr<std::optional<Strategy>> FromProto(v1::Strategy strategy) {
  switch (strategy) {
    case v1::STRATEGY_UNSPECIFIED:
      return std::nullopt;
    case v1::STRATEGY_TENSOR:
      return Strategy::kTensor;
    case v1::STRATEGY_CHANNEL:
      return Strategy::kChannel;
    case v1::STRATEGY_GROUP:
      return Strategy::kGroup;
    case v1::STRATEGY_BLOCK:
      return Strategy::kBlock;
    case v1::STRATEGY_TOKEN:
      return Strategy::kToken;
    case v1::STRATEGY_TENSOR_GROUP:
      return Strategy::kTensorGroup;
    case v1::STRATEGY_ATTN_HEAD:
      return Strategy::kAttnHead;
    default:
      return UnknownEnum("args.strategy", strategy);
  }
}

v1::Strategy ToProto(Strategy strategy) {
  switch (strategy) {
    case Strategy::kTensor:
      return v1::STRATEGY_TENSOR;
    case Strategy::kChannel:
      return v1::STRATEGY_CHANNEL;
    case Strategy::kGroup:
      return v1::STRATEGY_GROUP;
    case Strategy::kBlock:
      return v1::STRATEGY_BLOCK;
    case Strategy::kToken:
      return v1::STRATEGY_TOKEN;
    case Strategy::kTensorGroup:
      return v1::STRATEGY_TENSOR_GROUP;
    case Strategy::kAttnHead:
      return v1::STRATEGY_ATTN_HEAD;
  }
  return v1::STRATEGY_UNSPECIFIED;
}

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
  return spec;
}

v1::Session ToProto(const SessionIdentity& identity) {
  const SessionSpec& spec = identity.spec;
  v1::Session proto;
  proto.set_name(identity.name.full());
  *proto.mutable_args() = ToProto(spec.args);
  proto.set_arithmetic(spec.arithmetic == Arithmetic::kExact ? v1::ARITHMETIC_EXACT
                                                             : v1::ARITHMETIC_REFERENCE);
  proto.set_non_finite_policy(ToProto(spec.non_finite_policy));
  proto.set_weighting(spec.weighting == Weighting::kUniform ? v1::WEIGHTING_UNIFORM
                                                            : v1::WEIGHTING_NUM_OBSERVATIONS);
  proto.set_retention(spec.retention == Retention::kSeries ? v1::RETENTION_SERIES
                                                           : v1::RETENTION_FOLDED);
  if (spec.dtype) proto.set_dtype(std::string(DtypeName(*spec.dtype)));
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
