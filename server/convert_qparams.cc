#include "server/convert_qparams.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/preset_schemes.h"
#include "core/quantization_args_json.h"
#include "core/status_macros.h"
#include "server/convert.h"

namespace calipers::server {
namespace {

constexpr int kMaxSpecs = 64;

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

absl::StatusOr<QParamsSpec> FromProto(const v1::QParamsSpec& spec) {
  switch (spec.by_case()) {
    case v1::QParamsSpec::kArgs: {
      ASSIGN_OR_RETURN(QuantizationArgsInput input, InputFromProto(spec.args()));
      // As in JSON, where one that is given is told from the default.
      if (input.averaging_constant) {
        input.observer_kwargs["averaging_constant"] =
            absl::StrFormat("%.17g", *input.averaging_constant);
      }
      ASSIGN_OR_RETURN(QuantizationArgs args, CheckQuantizationArgs(input));
      return QParamsSpec{std::move(args)};
    }
    case v1::QParamsSpec::kScheme: {
      ASSIGN_OR_RETURN(QuantizationScheme scheme, PresetScheme(spec.scheme()));
      return QParamsSpec{std::move(scheme)};
    }
    case v1::QParamsSpec::kArgsJson: {
      ASSIGN_OR_RETURN(QuantizationArgs args, QuantizationArgsFromJson(spec.args_json()));
      return QParamsSpec{std::move(args)};
    }
    case v1::QParamsSpec::BY_NOT_SET:
      return absl::InvalidArgumentError("a spec has none of args, scheme and args_json");
  }
  return absl::InvalidArgumentError("a spec is of a kind that is not in calipers.v1");
}

absl::StatusOr<Fusion> FromProto(const v1::Fusion& fusion) {
  std::vector<Fusion::Group> groups;
  for (const v1::Fusion::Group& group : fusion.groups()) {
    groups.emplace_back(group.names().begin(), group.names().end());
  }
  switch (fusion.mode()) {
    case v1::Fusion::MODE_UNSPECIFIED:
    case v1::Fusion::MODE_KNOWN:
      return Fusion::Make(Fusion::Mode::kKnown, groups);
    case v1::Fusion::MODE_DECLARED:
      return Fusion::Make(Fusion::Mode::kDeclared, groups);
    case v1::Fusion::MODE_NONE:
      return Fusion::Make(Fusion::Mode::kNone, groups);
    default:
      return UnknownEnum("fusion.mode", fusion.mode());
  }
}

template <typename Request>
absl::StatusOr<QParamsRequest> RequestFromProto(const Request& request) {
  if (request.specs_size() > kMaxSpecs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "specs has ", request.specs_size(), " entries; at most ", kMaxSpecs, " are allowed"));
  }
  std::vector<absl::StatusOr<QParamsSpec>> specs;
  for (const v1::QParamsSpec& spec : request.specs()) specs.push_back(FromProto(spec));
  if (specs.empty()) specs.emplace_back(QParamsSpec{QParamsSpec::Own()});
  ASSIGN_OR_RETURN(Fusion fusion, FromProto(request.fusion()));
  const auto& behind = request.fallback().peers_behind();
  ASSIGN_OR_RETURN(Peers peers, Peers::Make({behind.begin(), behind.end()}));
  ASSIGN_OR_RETURN(std::vector<IndexRange> exclude, ExcludeFromProto(request.exclude()));
  return QParamsRequest{std::move(specs), std::move(fusion), std::move(peers), std::move(exclude)};
}

v1::Tensor ToProto(const ShapedElements& tensor) {
  return server::ToProto(tensor.elements, tensor.shape);
}

v1::QParamsNote ToProto(const QParamsNote& note) {
  v1::QParamsNote proto;
  proto.set_trap(std::string(TrapName(note.trap)));
  proto.set_repaired(note.outcome == TrapOutcome::kRepaired);
  proto.set_count(note.count);
  proto.set_first(note.first);
  proto.set_text(NoteText(note));
  return proto;
}

}  // namespace

absl::StatusOr<QuantizationArgsInput> InputFromProto(const v1::QuantizationArgs& args) {
  QuantizationArgsInput input;
  if (args.has_num_bits()) input.num_bits = args.num_bits();
  ASSIGN_OR_RETURN(input.type, FromProto(args.type()));
  if (args.has_symmetric()) input.symmetric = args.symmetric();
  ASSIGN_OR_RETURN(input.strategy, server::FromProto(args.strategy()));
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

absl::StatusOr<QParamsRequest> FromProto(const v1::GetQParamsRequest& request) {
  return RequestFromProto(request);
}

absl::StatusOr<QParamsRequest> FromProto(const v1::BatchGetQParamsRequest& request) {
  return RequestFromProto(request);
}

v1::QParams ToProto(const Session& session, const QParamsAnswer& answer) {
  v1::QParams proto;
  proto.set_session(session.name().full());
  if (answer.args) *proto.mutable_args() = ToProto(*answer.args);
  if (answer.stored == StoredQParams::kAll) {
    *proto.mutable_scale() = ToProto(answer.qparams.scale);
    *proto.mutable_zero_point() = ToProto(answer.qparams.zero_point);
  }
  if (answer.qparams.global_scale) {
    *proto.mutable_global_scale() = ToProto(*answer.qparams.global_scale);
  }
  for (const QParamsNote& note : answer.qparams.notes) *proto.add_notes() = ToProto(note);
  proto.mutable_fused_sessions()->Assign(answer.fused_sessions.begin(),
                                         answer.fused_sessions.end());
  proto.mutable_fallback_sessions()->Assign(answer.fallback_sessions.begin(),
                                            answer.fallback_sessions.end());
  *proto.mutable_progress() = ToProto(answer.progress);
  return proto;
}

}  // namespace calipers::server
