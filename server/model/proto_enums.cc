#include "server/model/proto_enums.h"

#include "absl/strings/str_cat.h"

namespace calipers::server {

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

v1::Arithmetic ToProto(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kExact ? v1::ARITHMETIC_EXACT : v1::ARITHMETIC_REFERENCE;
}

v1::Weighting ToProto(Weighting weighting) {
  return weighting == Weighting::kUniform ? v1::WEIGHTING_UNIFORM : v1::WEIGHTING_NUM_OBSERVATIONS;
}

v1::Retention ToProto(Retention retention) {
  return retention == Retention::kSeries ? v1::RETENTION_SERIES : v1::RETENTION_FOLDED;
}

}  // namespace calipers::server
