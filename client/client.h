#ifndef CALIPERS_CLIENT_CLIENT_H_
#define CALIPERS_CLIENT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "calipers/v1/calibration.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace calipers::client {

/// gRPC's outcome as Abseil's.
absl::Status FromGrpc(const grpc::Status& status);

/// A connection to a server, for sessions and answers; ObservationStream sends
/// tensors over it. Calls block, up to the timeout given at the start, and return
/// the server's status as it is. Thread-safe.
class Client {
 public:
  /// Connects to HOST:PORT. UNAVAILABLE, saying what to look at, if nothing
  /// answers within `timeout`, which then holds for each call.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& target,
                                                         absl::Duration timeout);
  /// Over a channel that is there already.
  Client(std::shared_ptr<grpc::Channel> channel, absl::Duration timeout);

  /// A further connection of its own to the same server: a stream that is to
  /// use another core wants another connection.
  std::shared_ptr<grpc::Channel> NewChannel() const;

  absl::StatusOr<v1::Session> CreateSession(const v1::CreateSessionRequest& request) const;
  absl::StatusOr<v1::Session> GetSession(const std::string& name) const;
  /// Every page. `parent` is runs/{run} or runs/-; an empty glob matches all.
  absl::StatusOr<std::vector<v1::Session>> ListSessions(const std::string& parent,
                                                        const std::string& module_glob) const;
  absl::StatusOr<v1::Session> ResetSession(const std::string& name) const;
  absl::Status DeleteSession(const std::string& name) const;
  absl::Status DeleteRun(const std::string& name) const;

  /// Waits for `wait_count` records, up to the timeout.
  absl::StatusOr<v1::MinMax> GetMinMax(const std::string& name, std::int64_t wait_count = 0) const;
  /// One result a name, in order; asks in several calls if there are many.
  absl::StatusOr<std::vector<v1::BatchGetMinMaxResponse::Result>> BatchGetMinMax(
      const std::string& parent, const std::vector<std::string>& names,
      std::int64_t wait_count = 0) const;
  absl::StatusOr<v1::Coverage> GetCoverage(const std::string& parent,
                                           const std::string& module_glob) const;

  /// Calls `visit` for each event until it returns false (then OK) or the server
  /// ends the call (then its status). No timeout.
  absl::Status WatchSessions(const std::string& parent, const std::string& module_glob,
                             const std::function<bool(const v1::SessionEvent&)>& visit) const;

  /// OK if the server's health service says SERVING.
  absl::Status Ping() const;

  v1::Calibration::Stub& stub() const { return *stub_; }

 private:
  std::unique_ptr<grpc::ClientContext> NewContext() const;

  std::string target_;
  const absl::Duration timeout_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Calibration::Stub> stub_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLIENT_H_
