#include "server/rpc/proto_convert_qparams.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/args/preset_schemes.h"
#include "core/args/quantization_args_json.h"
#include "core/status_macros.h"
#include "server/model/proto_enums.h"
#include "server/model/session_proto.h"
#include "server/rpc/proto_convert.h"

namespace calipers::server {
namespace {

constexpr int kMaxSpecs = 64;

absl::StatusOr<QParamsSpec> FromProto(const v1::QParamsSpec& spec) {
  switch (spec.by_case()) {
    case v1::QParamsSpec::kArgs: {
      ASSIGN_OR_RETURN(QuantizationArgsInput input, InputFromProto(spec.args()));
      // observer_kwargs names the constant only if it was given, as JSON args do.
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
      return absl::InvalidArgumentError("a spec is empty: give args, scheme or args_json");
  }
  return absl::InvalidArgumentError(
      "a spec has an unknown member of `by`: give args, scheme or args_json");
}

absl::StatusOr<FusedGroups> FromProto(const v1::Fusion& fusion) {
  std::vector<FusedGroups::Group> groups;
  for (const v1::Fusion::Group& group : fusion.groups()) {
    groups.push_back({{group.names().begin(), group.names().end()}, group.path_glob()});
  }
  switch (fusion.mode()) {
    case v1::Fusion::MODE_UNSPECIFIED:
    case v1::Fusion::MODE_KNOWN:
      return FusedGroups::Make(FusedGroups::Mode::kKnown, groups);
    case v1::Fusion::MODE_DECLARED:
      return FusedGroups::Make(FusedGroups::Mode::kDeclared, groups);
    case v1::Fusion::MODE_NONE:
      return FusedGroups::Make(FusedGroups::Mode::kNone, groups);
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
  ASSIGN_OR_RETURN(FusedGroups fusion, FromProto(request.fusion()));
  const auto& behind = request.fallback().peers_behind();
  ASSIGN_OR_RETURN(FallbackPeers peers, FallbackPeers::Make({behind.begin(), behind.end()}));
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
  proto.mutable_absent_sessions()->Assign(answer.absent_sessions.begin(),
                                          answer.absent_sessions.end());
  proto.mutable_fallback_sessions()->Assign(answer.fallback_sessions.begin(),
                                            answer.fallback_sessions.end());
  *proto.mutable_progress() = ToProto(answer.progress);
  return proto;
}

}  // namespace calipers::server
