#ifndef CALIPERS_SERVER_SERVER_H_
#define CALIPERS_SERVER_SERVER_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "server/config.h"
#include "server/ingest/inflight_budget.h"
#include "server/rpc/calibration_service.h"
#include "server/rpc/grpc_poll_keeper.h"
#include "server/session/checkpointer.h"
#include "server/session/fold_cache.h"
#include "server/session/session_table.h"
#include "server/storage/group_commit.h"
#include "server/storage/store.h"

namespace calipers::server {

/// A running server: the store, the sessions, the service, health and
/// reflection. Serves from Start until Stop.
class Server {
 public:
  /// Starts a server with the store that `config` names. UNAVAILABLE if it cannot listen on the
  /// address; the status of the store if that cannot be opened.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config);
  /// Starts a server with the store of the caller.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config,
                                                       std::unique_ptr<Store> store);

  /// Stops at once if Stop was not called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return port_; }
  /// A channel to this server without a socket.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  /// Accepts no new calls, lets the calls in flight finish for up to `drain_seconds`, then cancels
  /// the rest. Returns when all calls have ended.
  void Stop();

 private:
  Server(const Config& config, std::unique_ptr<Store> store);

  const Config config_;
  const std::unique_ptr<Store> store_;
  SessionTable sessions_;
  InflightBudget budget_;
  FoldCache folds_;
  Checkpointer checkpointer_;
  // Destroyed after the service, so that records whose commit began are still stored.
  GroupCommit commit_;
  CalibrationService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::optional<GrpcPollKeeper> poll_keeper_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SERVER_H_
