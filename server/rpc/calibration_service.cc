#include "server/rpc/calibration_service.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/status_macros.h"
#include "server/base/log.h"
#include "server/rpc/minmax_handlers.h"
#include "server/rpc/proto_convert.h"
#include "server/rpc/qparams_handlers.h"
#include "server/rpc/series_handlers.h"
#include "server/rpc/session_handlers.h"
#include "server/rpc/watch_handler.h"

namespace calipers::server {
namespace {

// The time that an answer may need to reach its client.
constexpr absl::Duration kAnswerTime = absl::Milliseconds(250);

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), MessageText(status)};
}

// The time at which a call must stop waiting. It is before the client's deadline, so that the
// answer still reaches the client. The answer of a batch contains results of other sessions.
absl::Time WaitDeadline(const grpc::ServerContext& context) {
  const absl::Time deadline = absl::FromChrono(context.deadline());
  const absl::Duration left = deadline - absl::Now();
  return deadline - std::clamp(left / 4, absl::ZeroDuration(), kAnswerTime);
}

// Moves a result into a response, or converts its error into a gRPC status.
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
  return Answer(server::CreateSession(*sessions_, *request), response);
}

grpc::Status CalibrationService::GetSession(grpc::ServerContext* /*context*/,
                                            const v1::GetSessionRequest* request,
                                            v1::Session* response) {
  return Answer(server::GetSession(*sessions_, request->name()), response);
}

grpc::Status CalibrationService::ListSessions(grpc::ServerContext* /*context*/,
                                              const v1::ListSessionsRequest* request,
                                              v1::ListSessionsResponse* response) {
  return Answer(server::ListSessions(*sessions_, *request), response);
}

grpc::Status CalibrationService::ResetSession(grpc::ServerContext* /*context*/,
                                              const v1::ResetSessionRequest* request,
                                              v1::Session* response) {
  return Answer(server::ResetSession(*sessions_, request->name()), response);
}

grpc::Status CalibrationService::DeleteSession(grpc::ServerContext* /*context*/,
                                               const v1::DeleteSessionRequest* request,
                                               google::protobuf::Empty* /*response*/) {
  return ToGrpc(server::DeleteSession(*sessions_, request->name()));
}

grpc::Status CalibrationService::DeleteRun(grpc::ServerContext* /*context*/,
                                           const v1::DeleteRunRequest* request,
                                           google::protobuf::Empty* /*response*/) {
  return ToGrpc(server::DeleteRun(*sessions_, request->name()));
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* CalibrationService::Observe(
    grpc::CallbackServerContext* context) {
  return streams_.Open(context->peer());
}

grpc::Status CalibrationService::GetMinMax(grpc::ServerContext* context,
                                           const v1::GetMinMaxRequest* request,
                                           v1::MinMax* response) {
  return Answer(server::GetMinMax(*sessions_, *folds_, *request, Waiter(*context)), response);
}

grpc::Status CalibrationService::BatchGetMinMax(grpc::ServerContext* context,
                                                const v1::BatchGetMinMaxRequest* request,
                                                v1::BatchGetMinMaxResponse* response) {
  return Answer(server::BatchGetMinMax(*sessions_, *folds_, *request, Waiter(*context)), response);
}

absl::Status CalibrationService::Wait(const grpc::ServerContext& context, Session& session,
                                      std::int64_t count) {
  if (count <= 0 || session.HasCount(count)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const BlockingCallLimit::Slot slot, blocking_calls_.Acquire());
  return session.WaitForCount(count, WaitDeadline(context), [&] { return Interrupted(context); });
}

absl::Status CalibrationService::Interrupted(const grpc::ServerContext& context) const {
  if (context.IsCancelled()) return absl::CancelledError("the call was cancelled");
  if (draining_) return absl::UnavailableError("the server is shutting down; ask again later");
  return absl::OkStatus();
}

grpc::Status CalibrationService::WatchSessions(grpc::ServerContext* context,
                                               const v1::WatchSessionsRequest* request,
                                               grpc::ServerWriter<v1::SessionEvent>* writer) {
  const absl::StatusOr<BlockingCallLimit::Slot> slot = blocking_calls_.Acquire();
  if (!slot.ok()) return ToGrpc(slot.status());
  return ToGrpc(server::WatchSessions(
      *sessions_, *request,
      [writer](const v1::SessionEvent& event) { return writer->Write(event); },
      [&] { return Interrupted(*context); }));
}

grpc::Status CalibrationService::GetCoverage(grpc::ServerContext* /*context*/,
                                             const v1::GetCoverageRequest* request,
                                             v1::Coverage* response) {
  return Answer(server::GetCoverage(*sessions_, *request), response);
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
