#ifndef CALIPERS_SERVER_RPC_CALIBRATION_SERVICE_H_
#define CALIPERS_SERVER_RPC_CALIBRATION_SERVICE_H_

#include <atomic>
#include <cstddef>

#include "calipers/v1/calibration.grpc.pb.h"
#include "server/ingest/observation_ingest.h"
#include "server/rpc/blocking_call_limit.h"
#include "server/rpc/observe_streams.h"
#include "server/rpc/wait_for_records.h"
#include "server/session/fold_cache.h"
#include "server/session/session_table.h"
#include "server/storage/store.h"

namespace calipers::server {

/// Implements calipers.v1.Calibration for a session table. Reactors serve Observe, on raw messages.
/// Each query runs on a thread of its own, so queries do not wait behind tensors. Thread-safe.
class CalibrationService final
    : public v1::Calibration::WithRawCallbackMethod_Observe<v1::Calibration::Service> {
 public:
  /// `store`, `folds` and `shared` outlive the service.
  CalibrationService(Store* store, FoldCache* folds, const ObservationIngest::Shared& shared,
                     std::size_t max_streams, std::size_t max_calls)
      : store_(store),
        folds_(folds),
        sessions_(shared.sessions),
        streams_(shared, max_streams),
        blocking_calls_(max_calls) {}

  /// Ends waits and watches, and each stream when its tensor in progress is complete and
  /// acknowledged.
  void Drain();

  grpc::Status CreateSession(grpc::ServerContext* context, const v1::CreateSessionRequest* request,
                             v1::Session* response) override;
  grpc::Status GetSession(grpc::ServerContext* context, const v1::GetSessionRequest* request,
                          v1::Session* response) override;
  grpc::Status ListSessions(grpc::ServerContext* context, const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override;
  grpc::Status ResetSession(grpc::ServerContext* context, const v1::ResetSessionRequest* request,
                            v1::Session* response) override;
  grpc::Status DeleteSession(grpc::ServerContext* context, const v1::DeleteSessionRequest* request,
                             google::protobuf::Empty* response) override;
  grpc::Status DeleteRun(grpc::ServerContext* context, const v1::DeleteRunRequest* request,
                         google::protobuf::Empty* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Observe(
      grpc::CallbackServerContext* context) override;
  grpc::Status GetMinMax(grpc::ServerContext* context, const v1::GetMinMaxRequest* request,
                         v1::MinMax* response) override;
  grpc::Status BatchGetMinMax(grpc::ServerContext* context,
                              const v1::BatchGetMinMaxRequest* request,
                              v1::BatchGetMinMaxResponse* response) override;
  grpc::Status WatchSessions(grpc::ServerContext* context, const v1::WatchSessionsRequest* request,
                             grpc::ServerWriter<v1::SessionEvent>* writer) override;
  grpc::Status GetCoverage(grpc::ServerContext* context, const v1::GetCoverageRequest* request,
                           v1::Coverage* response) override;
  grpc::Status SealSession(grpc::ServerContext* context, const v1::SealSessionRequest* request,
                           v1::Session* response) override;
  grpc::Status SealRun(grpc::ServerContext* context, const v1::SealRunRequest* request,
                       v1::SealRunResponse* response) override;
  grpc::Status SweepMinMax(grpc::ServerContext* context, const v1::SweepMinMaxRequest* request,
                           v1::SweepMinMaxResponse* response) override;
  grpc::Status GetQParams(grpc::ServerContext* context, const v1::GetQParamsRequest* request,
                          v1::GetQParamsResponse* response) override;
  grpc::Status BatchGetQParams(grpc::ServerContext* context,
                               const v1::BatchGetQParamsRequest* request,
                               v1::BatchGetQParamsResponse* response) override;
  grpc::Status ReadSeries(grpc::ServerContext* context, const v1::ReadSeriesRequest* request,
                          grpc::ServerWriter<v1::ReadSeriesResponse>* writer) override;
  grpc::Status CreateBackup(grpc::ServerContext* context, const v1::CreateBackupRequest* request,
                            v1::Backup* response) override;

 private:
  // Waits until the session holds `count` records. Returns at once if it does.
  absl::Status Wait(const grpc::ServerContext& context, Session& session, std::int64_t count);
  // Wait as a function, for a handler that waits for one session after another.
  WaitForRecords Waiter(const grpc::ServerContext& context);
  // An error, with the reason, if a waiting call must end now.
  absl::Status Interrupted(const grpc::ServerContext& context) const;

  Store* const store_;
  FoldCache* const folds_;
  SessionTable* const sessions_;
  ObserveStreams streams_;
  BlockingCallLimit blocking_calls_;
  std::atomic<bool> draining_{false};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_CALIBRATION_SERVICE_H_
