#include "server/rpc/calibration_service.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/status_macros.h"
#include "server/base/log.h"
#include "server/model/name_filter.h"
#include "server/model/names.h"
#include "server/rpc/proto_convert.h"
#include "server/rpc/series_handlers.h"

namespace calipers::server {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;
// A batch's answer stays below what protobuf and a client can take.
constexpr std::size_t kMaxBatchBytes = std::size_t{256} << 20;
// How long changes gather before a watcher is told, and how often a watch looks
// whether it is still wanted.
constexpr absl::Duration kGather = absl::Milliseconds(50);
// What an answer may need to reach its client.
constexpr absl::Duration kAnswerTime = absl::Milliseconds(250);
constexpr absl::Duration kWatchPoll = absl::Milliseconds(200);

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), MessageText(status)};
}

// When a call has to stop waiting, so that what it knows by then, the answers of a batch
// among it, reaches the client before the client's own deadline.
absl::Time WaitDeadline(const grpc::ServerContext& context) {
  const absl::Time deadline = absl::FromChrono(context.deadline());
  const absl::Duration left = deadline - absl::Now();
  return deadline - std::clamp(left / 4, absl::ZeroDuration(), kAnswerTime);
}

absl::StatusOr<std::shared_ptr<Session>> Create(SessionTable& sessions,
                                                const v1::CreateSessionRequest& request) {
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(request.parent()));
  ASSIGN_OR_RETURN(const SessionName name, SessionName::Make(run, request.session_id()));
  if (!request.session().name().empty() && request.session().name() != name.full()) {
    return absl::InvalidArgumentError(
        absl::StrCat("session.name differs from the name that parent and session_id give, ",
                     name.full(), "; leave it empty"));
  }
  ASSIGN_OR_RETURN(const SessionSpec spec, SpecFromProto(request.session()));
  return sessions.Create(name, spec);
}

absl::StatusOr<v1::ListSessionsResponse> List(const SessionTable& sessions,
                                              const v1::ListSessionsRequest& request) {
  ASSIGN_OR_RETURN(const NameFilter filter,
                   NameFilter::Make(request.parent(), request.module_glob()));
  if (request.page_size() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size is ", request.page_size(), "; it must be at least 0"));
  }
  std::string after;
  if (!absl::WebSafeBase64Unescape(request.page_token(), &after)) {
    return absl::InvalidArgumentError(
        "page_token is not a next_page_token of ListSessions; leave it empty to start again");
  }
  const int size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  const SessionTable::Page page =
      sessions.List(filter, after, static_cast<std::size_t>(std::min(size, kMaxPageSize)));
  v1::ListSessionsResponse response;
  for (const std::shared_ptr<Session>& session : page.sessions) {
    *response.add_sessions() = ToProto(*session);
  }
  response.set_next_page_token(absl::WebSafeBase64Escape(page.next_after));
  return response;
}

absl::StatusOr<v1::Session> Reset(const SessionTable& sessions, const std::string& name) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(name));
  RETURN_IF_ERROR(session->Reset());
  LogInfo("session reset", {{"session", session->name().full()}});
  return ToProto(*session);
}

absl::Status DeleteTheRun(SessionTable& sessions, const std::string& name) {
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(name));
  return sessions.DeleteRun(run);
}

absl::StatusOr<v1::Coverage> CoverageOf(const SessionTable& sessions,
                                        const v1::GetCoverageRequest& request) {
  ASSIGN_OR_RETURN(const NameFilter filter,
                   NameFilter::Make(request.parent(), request.module_glob()));
  v1::Coverage response;
  absl::btree_map<std::string, Tally> workers;
  ForEachSession(sessions, filter, [&](Session& session) {
    const SessionCoverage coverage = session.Coverage();
    if (coverage.total.batches == coverage.empty_batches) {
      response.add_unobserved(session.name().full());
    }
    if (coverage.total.batches == 0) return true;
    *response.add_sessions() = ToProto(session, coverage);
    for (const auto& [worker, tally] : coverage.workers) {
      workers[worker].Add(tally);
    }
    return true;
  });
  for (const auto& [worker, tally] : workers) *response.add_workers() = ToProto(worker, tally);
  return response;
}

// The fold that is asked for; none is the session's own.
template <typename Request>
absl::StatusOr<std::optional<FoldRequest>> FoldOf(const Request& request) {
  if (!request.has_fold()) return std::nullopt;
  return FromProto(request.fold());
}

// Moves a result into a response, or turns its error into gRPC's.
template <typename Message>
grpc::Status Answer(absl::StatusOr<Message> result, Message* response) {
  if (!result.ok()) return ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

}  // namespace

void CalibrationService::Drain() {
  draining_ = true;
  streams_.Drain();
}

grpc::Status CalibrationService::CreateSession(grpc::ServerContext* /*context*/,
                                               const v1::CreateSessionRequest* request,
                                               v1::Session* response) {
  const absl::StatusOr<std::shared_ptr<Session>> session = Create(*sessions_, *request);
  if (!session.ok()) return ToGrpc(session.status());
  LogDebug("session created", {{"session", (*session)->name().full()}});
  *response = ToProto(**session);
  return grpc::Status::OK;
}

grpc::Status CalibrationService::GetSession(grpc::ServerContext* /*context*/,
                                            const v1::GetSessionRequest* request,
                                            v1::Session* response) {
  const absl::StatusOr<std::shared_ptr<Session>> session = sessions_->Find(request->name());
  if (!session.ok()) return ToGrpc(session.status());
  *response = ToProto(**session);
  return grpc::Status::OK;
}

grpc::Status CalibrationService::ListSessions(grpc::ServerContext* /*context*/,
                                              const v1::ListSessionsRequest* request,
                                              v1::ListSessionsResponse* response) {
  return Answer(List(*sessions_, *request), response);
}

grpc::Status CalibrationService::ResetSession(grpc::ServerContext* /*context*/,
                                              const v1::ResetSessionRequest* request,
                                              v1::Session* response) {
  return Answer(Reset(*sessions_, request->name()), response);
}

grpc::Status CalibrationService::DeleteSession(grpc::ServerContext* /*context*/,
                                               const v1::DeleteSessionRequest* request,
                                               google::protobuf::Empty* /*response*/) {
  const absl::Status status = sessions_->Delete(request->name());
  if (status.ok()) LogInfo("session deleted", {{"session", request->name()}});
  return ToGrpc(status);
}

grpc::Status CalibrationService::DeleteRun(grpc::ServerContext* /*context*/,
                                           const v1::DeleteRunRequest* request,
                                           google::protobuf::Empty* /*response*/) {
  const absl::Status status = DeleteTheRun(*sessions_, request->name());
  if (status.ok()) LogInfo("run deleted", {{"run", request->name()}});
  return ToGrpc(status);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* CalibrationService::Observe(
    grpc::CallbackServerContext* context) {
  return streams_.Open(context->peer());
}

grpc::Status CalibrationService::GetMinMax(grpc::ServerContext* context,
                                           const v1::GetMinMaxRequest* request,
                                           v1::MinMax* response) {
  const absl::StatusOr<std::optional<FoldRequest>> fold = FoldOf(*request);
  if (!fold.ok()) return ToGrpc(fold.status());
  return Answer(
      MinMaxOf(context, request->name(), request->wait_count(), request->read_mask(), *fold),
      response);
}

absl::StatusOr<v1::MinMax> CalibrationService::MinMaxOf(
    grpc::ServerContext* context, absl::string_view name, std::int64_t wait_count,
    const google::protobuf::FieldMask& read_mask, const std::optional<FoldRequest>& fold) {
  RETURN_IF_ERROR(CheckReadMask(read_mask));
  if (wait_count < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("wait_count is ", wait_count, "; it must be at least 0"));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions_->Find(name));
  RETURN_IF_ERROR(Wait(*context, *session, wait_count));
  ASSIGN_OR_RETURN(const MinMaxAnswer answer,
                   fold ? session->GetMinMax(*fold) : session->GetMinMax());
  if (!fold) folds_->Used(session);
  return ToProto(*session, answer, read_mask);
}

absl::Status CalibrationService::Wait(const grpc::ServerContext& context, Session& session,
                                      std::int64_t count) {
  if (session.HasCount(count)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const BlockingCallLimit::Slot slot, blocking_calls_.Acquire());
  return session.WaitForCount(count, WaitDeadline(context), [&] { return Interrupted(context); });
}

grpc::Status CalibrationService::BatchGetMinMax(grpc::ServerContext* context,
                                                const v1::BatchGetMinMaxRequest* request,
                                                v1::BatchGetMinMaxResponse* response) {
  const absl::StatusOr<RunName> run = RunName::Parse(request->parent());
  if (!run.ok()) return ToGrpc(run.status());
  if (const absl::Status names = CheckBatchNames(request->names_size()); !names.ok()) {
    return ToGrpc(names);
  }
  const absl::StatusOr<std::optional<FoldRequest>> fold = FoldOf(*request);
  if (!fold.ok()) return ToGrpc(fold.status());
  std::size_t bytes = 0;
  for (const std::string& name : request->names()) {
    v1::BatchGetMinMaxResponse::Result* result = response->add_results();
    absl::StatusOr<v1::MinMax> min_max =
        !absl::StartsWith(name, run->SessionPrefix())
            ? absl::InvalidArgumentError(
                  absl::StrCat("session ", name.substr(0, 700), " is not in ", run->full()))
        : bytes > kMaxBatchBytes
            ? absl::ResourceExhaustedError(
                  absl::StrCat("the sessions before this one fill the answer, ", bytes,
                               " bytes: ask for fewer at once, or give a read_mask"))
            : MinMaxOf(context, name, request->wait_count(), request->read_mask(), *fold);
    if (min_max.ok()) {
      bytes += min_max->ByteSizeLong();
      *result->mutable_min_max() = *std::move(min_max);
    } else {
      *result->mutable_status() = ToProto(min_max.status());
    }
  }
  return grpc::Status::OK;
}

absl::Status CalibrationService::Interrupted(const grpc::ServerContext& context) const {
  if (context.IsCancelled()) return absl::CancelledError("the call was cancelled");
  if (draining_) return absl::UnavailableError("the server is shutting down; ask again later");
  return absl::OkStatus();
}

grpc::Status CalibrationService::WatchSessions(grpc::ServerContext* context,
                                               const v1::WatchSessionsRequest* request,
                                               grpc::ServerWriter<v1::SessionEvent>* writer) {
  const absl::StatusOr<NameFilter> filter =
      NameFilter::Make(request->parent(), request->module_glob());
  if (!filter.ok()) return ToGrpc(filter.status());
  const absl::StatusOr<BlockingCallLimit::Slot> slot = blocking_calls_.Acquire();
  if (!slot.ok()) return ToGrpc(slot.status());
  // Before the first listing, so that no change falls between the two.
  const std::unique_ptr<ChangeFeed::Subscription> changes = sessions_->feed().Subscribe(*filter);
  bool wanted = SendAll(*filter, writer);
  while (wanted) {
    if (absl::Status interrupted = Interrupted(*context); !interrupted.ok()) {
      return ToGrpc(interrupted);
    }
    const std::vector<std::string> names = changes->Poll(kWatchPoll);
    for (const std::string& name : names) wanted = wanted && SendOne(name, writer);
    if (!names.empty()) absl::SleepFor(kGather);
  }
  return grpc::Status::OK;
}

bool CalibrationService::SendAll(const NameFilter& filter,
                                 grpc::ServerWriter<v1::SessionEvent>* writer) {
  v1::SessionEvent event;
  event.set_kind(v1::SessionEvent::KIND_CURRENT);
  const bool sent = ForEachSession(*sessions_, filter, [&](Session& session) {
    *event.mutable_session() = ToProto(session);
    return writer->Write(event);
  });
  v1::SessionEvent synced;
  synced.set_kind(v1::SessionEvent::KIND_SYNCED);
  return sent && writer->Write(synced);
}

bool CalibrationService::SendOne(const std::string& name,
                                 grpc::ServerWriter<v1::SessionEvent>* writer) {
  v1::SessionEvent event;
  const absl::StatusOr<std::shared_ptr<Session>> session = sessions_->Find(name);
  if (session.ok()) {
    event.set_kind(v1::SessionEvent::KIND_CURRENT);
    *event.mutable_session() = ToProto(**session);
  } else {
    event.set_kind(v1::SessionEvent::KIND_DELETED);
    event.mutable_session()->set_name(name);
  }
  return writer->Write(event);
}

grpc::Status CalibrationService::GetCoverage(grpc::ServerContext* /*context*/,
                                             const v1::GetCoverageRequest* request,
                                             v1::Coverage* response) {
  return Answer(CoverageOf(*sessions_, *request), response);
}

grpc::Status CalibrationService::SealSession(grpc::ServerContext* /*context*/,
                                             const v1::SealSessionRequest* request,
                                             v1::Session* response) {
  return Answer(server::SealSession(*sessions_, *request), response);
}

grpc::Status CalibrationService::SealRun(grpc::ServerContext* /*context*/,
                                         const v1::SealRunRequest* request,
                                         v1::SealRunResponse* response) {
  return Answer(server::SealRun(*sessions_, *request), response);
}

grpc::Status CalibrationService::SweepMinMax(grpc::ServerContext* /*context*/,
                                             const v1::SweepMinMaxRequest* request,
                                             v1::SweepMinMaxResponse* response) {
  return Answer(server::SweepMinMax(*sessions_, *request), response);
}

grpc::Status CalibrationService::GetQParams(grpc::ServerContext* context,
                                            const v1::GetQParamsRequest* request,
                                            v1::GetQParamsResponse* response) {
  return Answer(server::GetQParams(*sessions_, *request, Waiter(*context)), response);
}

grpc::Status CalibrationService::BatchGetQParams(grpc::ServerContext* context,
                                                 const v1::BatchGetQParamsRequest* request,
                                                 v1::BatchGetQParamsResponse* response) {
  return Answer(server::BatchGetQParams(*sessions_, *request, Waiter(*context)), response);
}

WaitForRecords CalibrationService::Waiter(const grpc::ServerContext& context) {
  return [this, &context](Session& session, std::int64_t count) {
    return Wait(context, session, count);
  };
}

grpc::Status CalibrationService::ReadSeries(grpc::ServerContext* context,
                                            const v1::ReadSeriesRequest* request,
                                            grpc::ServerWriter<v1::ReadSeriesResponse>* writer) {
  const absl::StatusOr<BlockingCallLimit::Slot> slot = blocking_calls_.Acquire();
  if (!slot.ok()) return ToGrpc(slot.status());
  return ToGrpc(server::ReadSeries(
      *sessions_, *request,
      [writer](const v1::ReadSeriesResponse& response) { return writer->Write(response); },
      [&] { return Interrupted(*context); }));
}

grpc::Status CalibrationService::CreateBackup(grpc::ServerContext* /*context*/,
                                              const v1::CreateBackupRequest* request,
                                              v1::Backup* response) {
  const absl::StatusOr<Store::Backup> backup = store_->CreateBackup(request->backup_id());
  if (!backup.ok()) return ToGrpc(backup.status());
  LogInfo("backup made", {{"path", backup->path}, {"bytes", absl::StrCat(backup->size_bytes)}});
  response->set_path(backup->path);
  response->set_size_bytes(backup->size_bytes);
  return grpc::Status::OK;
}

}  // namespace calipers::server
