#include "server/qparams/qparams_query.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/args/base_name.h"
#include "core/reduce/coarsening.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

std::string NamesOf(const std::vector<std::shared_ptr<Session>>& sessions) {
  return absl::StrJoin(sessions, " + ",
                       [](std::string* out, const std::shared_ptr<Session>& session) {
                         absl::StrAppend(out, session->name().session_id());
                       });
}

// False if the records cannot be read: peers do not answer for a damaged session.
bool SawNothing(Session& session) {
  const SessionSnapshot snapshot = session.Snapshot();
  return snapshot.problem.ok() && snapshot.progress.folded_count == 0;
}

bool IsOwnFold(const FoldRequest& fold) {
  return fold.observer.empty() && !fold.averaging_constant && fold.exclude.empty() &&
         !fold.coarsening;
}

bool HasConstant(const QuantizationArgs& args) {
  return args.observer_kwargs.contains("averaging_constant");
}

// Fills in the observer and the averaging constant of the fold. Where the args do not name them,
// the session's own are used; its constant only with its observer.
QuantizationArgs WithFold(const Session& session, QuantizationArgs args) {
  const QuantizationArgs& own = session.spec().args;
  if (args.observer.empty()) args.observer = own.observer;
  const bool is_own = args.observer == own.observer;
  if (is_own && !HasConstant(args)) args.averaging_constant = own.averaging_constant;
  return args;
}

// The fold that the args request. If it equals the session's own fold, the result is the request
// for that.
FoldRequest FoldOf(const Session& session, const QuantizationArgs& given) {
  const QuantizationArgs args = WithFold(session, given);
  const QuantizationArgs& own = session.spec().args;
  FoldRequest fold;
  if (args.observer != own.observer) fold.observer = args.observer;
  if (HasConstant(args) &&
      (!fold.observer.empty() || args.averaging_constant != own.averaging_constant)) {
    fold.averaging_constant = args.averaging_constant;
  }
  return fold;
}

ShapedElements AsTensor(float value) {
  ShapedElements tensor{Elements{Dtype::kF32, std::vector<std::byte>(sizeof(value))}, {1}};
  StoreElement(Dtype::kF32, value, tensor.elements.bytes.data());
  return tensor;
}

// The args that decide which elements share a parameter. If only the global scale is stored, and
// the observer does not average, the range of the whole tensor is enough.
QuantizationArgs GeometryOf(const Session& session, const QuantizationArgs& args) {
  const std::string& observer =
      args.observer.empty() ? session.spec().args.observer : args.observer;
  const bool averages = observer == "minmax";
  if (WhatIsStored(args) != StoredQParams::kGlobalScale || averages) return args;
  QuantizationArgs tensor = args;
  tensor.strategy = Strategy::kTensor;
  return tensor;
}

}  // namespace

std::optional<QuantizationArgs> QParamsSpec::ArgsFor(const Session& session) const {
  if (std::holds_alternative<Own>(by)) return session.spec().args;
  if (const auto* const args = std::get_if<QuantizationArgs>(&by)) return *args;
  const QuantizationArgs* const args =
      calipers::ArgsFor(std::get<QuantizationScheme>(by), session.name().base_name());
  return args == nullptr ? std::nullopt : std::optional(*args);
}

absl::StatusOr<QParamsQuery::Range> QParamsQuery::OwnRangeOf(Session& session,
                                                             const QuantizationArgs& args) {
  FoldRequest fold = FoldOf(session, args);
  fold.exclude = request_.exclude;
  std::optional<std::vector<std::int64_t>> shape = session.Snapshot().qparam_shape;
  if (!shape) {
    // There is no range, and GetMinMax returns the error, unless a record came after the snapshot.
    ASSIGN_OR_RETURN(MinMaxAnswer answer, session.GetMinMax());
    shape = std::move(answer.qparam_shape);
  }
  absl::StatusOr<Coarsening> coarsening = Coarsening::Make(
      session.name().base_name(), session.spec().args, *shape, GeometryOf(session, args));
  if (!coarsening.ok()) {
    return absl::Status(
        coarsening.status().code(),
        absl::StrCat("session ", session.name().full(), ": ", coarsening.status().message()));
  }
  const bool is_tensor = coarsening->IsTensor();
  // The fold has the range of the whole tensor in any case.
  if (!coarsening->IsIdentity() && !is_tensor) fold.coarsening = *std::move(coarsening);
  ASSIGN_OR_RETURN(MinMaxAnswer answer,
                   IsOwnFold(fold) ? session.GetMinMax() : session.GetMinMax(fold));
  Range range{.observed_dtype = answer.current.min.dtype, .progress = std::move(answer.progress)};
  if (is_tensor) {
    range.range = answer.folded.global;
    range.global = std::move(answer.folded.global);
    range.shape = {1};
  } else {
    range.range = std::move(answer.folded.range);
    range.global = std::move(answer.folded.global_of_range);
    range.shape = std::move(answer.qparam_shape);
  }
  return range;
}

absl::StatusOr<QParamsQuery::Range> QParamsQuery::RangeOf(Session& session,
                                                          const QuantizationArgs& args) {
  RETURN_IF_ERROR(wait_(session));
  if (!SawNothing(session)) return OwnRangeOf(session, args);
  absl::StatusOr<Range> of_peers = RangeOfPeers(session, args);
  if (!absl::IsNotFound(of_peers.status())) return of_peers;
  // No peer has data, so return the session's own error.
  const absl::Status status = session.GetMinMax().status();
  if (!status.ok()) return status;
  return OwnRangeOf(session, args);
}

absl::StatusOr<QParamsQuery::Range> QParamsQuery::RangeOfPeers(const Session& session,
                                                               const QuantizationArgs& args) {
  std::optional<Range> all;
  for (const std::shared_ptr<Session>& peer : request_.peers.Of(sessions_, session.name())) {
    if (SawNothing(*peer)) continue;
    ASSIGN_OR_RETURN(Range range, OwnRangeOf(*peer, args));
    if (!all) {
      all = std::move(range);
      all->progress = {};
    } else {
      absl::Status status = Widen(all->range, range.range);
      if (status.ok()) status = Widen(all->global, range.global);
      if (!status.ok()) {
        return absl::FailedPreconditionError(
            absl::StrCat("session ", session.name().full(),
                         " has no data, and its peers give no common range: ", status.message()));
      }
    }
    all->fallback_sessions.push_back(peer->name().full());
  }
  if (!all) return absl::NotFoundError("no peer has data");
  return *std::move(all);
}

QParamsQuery::Members QParamsQuery::MembersOf(const std::vector<std::string>& names) const {
  Members members;
  for (const std::string& name : names) {
    absl::StatusOr<std::shared_ptr<Session>> member = sessions_.Find(name);
    if (member.ok()) {
      members.sessions.push_back(*std::move(member));
    } else {
      members.absent.push_back(name);
    }
  }
  return members;
}

absl::Status QParamsQuery::CheckNoModule(const Session& session, const std::string& absent) const {
  const std::string module = absent.substr(0, absent.rfind('/') + 1);
  for (const BaseName base_name : kAllBaseNames) {
    const std::string sibling = absl::StrCat(module, BaseNameText(base_name));
    if (!sessions_.Find(sibling).ok()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("session ", session.name().full(), " shares its global scale with ", absent,
                     ", which does not exist, but its module has session ", sibling,
                     ": create and observe it, or declare the existing group in fusion"));
  }
  return absl::OkStatus();
}

absl::StatusOr<QParamsQuery::Members> QParamsQuery::FusedWith(const Session& session) const {
  std::optional<Members> fused;
  for (const std::vector<std::string>& names : request_.fusion.GroupsOf(session.name())) {
    Members members = MembersOf(names);
    if (fused && fused->sessions.size() >= 2 && members.sessions.size() >= 2 &&
        fused->sessions != members.sessions) {
      return absl::FailedPreconditionError(absl::StrCat(
          "session ", session.name().full(), " is in two groups of fusion whose members exist, ",
          NamesOf(fused->sessions), " and ", NamesOf(members.sessions),
          ": give one of them a path_glob that does not match here"));
    }
    if (!fused || members.sessions.size() > fused->sessions.size()) fused = std::move(members);
  }
  if (!fused) return Members();
  for (const std::string& absent : fused->absent) {
    RETURN_IF_ERROR(CheckNoModule(session, absent));
  }
  return *std::move(fused);
}

absl::StatusOr<ElementRange> QParamsQuery::GlobalOf(Session& member, std::size_t spec,
                                                    const QuantizationArgs& args,
                                                    QParamsAnswer& answer) {
  const auto key = std::make_pair(member.name().full(), spec);
  auto known = globals_.find(key);
  if (known == globals_.end()) {
    absl::StatusOr<Range> range = RangeOf(member, args);
    if (!range.ok()) {
      return absl::Status(
          range.status().code(),
          absl::StrCat("a member of its group has no range: ", range.status().message()));
    }
    known =
        globals_.emplace(key, Global{std::move(range->global), std::move(range->fallback_sessions)})
            .first;
  }
  const Global& global = known->second;
  answer.fallback_sessions.insert(answer.fallback_sessions.end(), global.fallback_sessions.begin(),
                                  global.fallback_sessions.end());
  return global.range;
}

absl::Status QParamsQuery::Fuse(const Session& session, std::size_t spec,
                                const QuantizationArgs& args, Range& range, QParamsAnswer& answer) {
  ASSIGN_OR_RETURN(Members members, FusedWith(session));
  answer.absent_sessions = std::move(members.absent);
  // A single session is not a group.
  if (members.sessions.size() < 2) return absl::OkStatus();
  // Use the same range of this session for all members of the group in this query, even if records
  // arrive in the meantime.
  const auto own = globals_.try_emplace(std::make_pair(session.name().full(), spec),
                                        Global{range.global, answer.fallback_sessions});
  std::vector<ElementRange> ranges;
  for (const std::shared_ptr<Session>& member : members.sessions) {
    answer.fused_sessions.push_back(member->name().full());
    if (member.get() == &session) {
      ranges.push_back(own.first->second.range);
      continue;
    }
    ASSIGN_OR_RETURN(ElementRange global, GlobalOf(*member, spec, args, answer));
    ranges.push_back(std::move(global));
  }
  ASSIGN_OR_RETURN(range.global, FuseRanges(ranges));
  return absl::OkStatus();
}

absl::StatusOr<QParams> QParamsQuery::Derive(const Session& session, const Range& range,
                                             const QuantizationArgs& args) {
  const QParamsOptions options{.arithmetic = session.spec().arithmetic,
                               .observed_dtype = range.observed_dtype};
  if (WhatIsStored(args) == StoredQParams::kGlobalScale) {
    ASSIGN_OR_RETURN(GlobalScale global, GenerateGparam(range.global, options));
    return QParams{.global_scale = AsTensor(global.value), .notes = std::move(global.notes)};
  }
  ASSIGN_OR_RETURN(QParams qparams,
                   DeriveQParams(range.range, range.shape, range.global, args, options));
  return AsStored(std::move(qparams), range.observed_dtype);
}

absl::StatusOr<QParamsAnswer> QParamsQuery::Answer(Session& session, std::size_t i) {
  RETURN_IF_ERROR(request_.specs[i].status());
  const std::optional<QuantizationArgs> args = request_.specs[i]->ArgsFor(session);
  QParamsAnswer answer;
  if (args) answer.args = WithFold(session, *args);
  answer.stored = args ? WhatIsStored(*args) : StoredQParams::kNone;
  if (answer.stored == StoredQParams::kNone) return answer;
  ASSIGN_OR_RETURN(Range range, RangeOf(session, *args));
  answer.fallback_sessions = std::move(range.fallback_sessions);
  answer.progress = std::move(range.progress);
  if (args->strategy == Strategy::kTensorGroup) {
    RETURN_IF_ERROR(Fuse(session, i, *args, range, answer));
  }
  absl::StatusOr<QParams> qparams = Derive(session, range, *args);
  if (!qparams.ok()) {
    return absl::Status(qparams.status().code(), absl::StrCat("session ", session.name().full(),
                                                              ": ", qparams.status().message()));
  }
  answer.qparams = *std::move(qparams);
  return answer;
}

}  // namespace calipers::server
