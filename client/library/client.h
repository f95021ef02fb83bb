#ifndef CALIPERS_CLIENT_LIBRARY_CLIENT_H_
#define CALIPERS_CLIENT_LIBRARY_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "calipers/v1/calibration.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace calipers::client {

/// Converts a gRPC status.
absl::Status FromGrpc(const grpc::Status& status);

struct ClientOptions {
  /// Time limit for connecting, for each call that is not a stream, and for the answer to a
  /// keepalive ping.
  absl::Duration timeout = absl::Seconds(60);
  /// After this time without data on a connection in use, the client sends a keepalive ping. If no
  /// answer comes within `timeout`, the connection counts as broken. calipers-server allows at
  /// least 5 s.
  absl::Duration keepalive_time = absl::Seconds(10);
};

/// A connection to a server. It manages sessions and asks for answers; ObservationStream sends
/// tensors over it. A call that is not a stream blocks for at most ClientOptions::timeout. Every
/// call returns the server's status unchanged. Thread-safe.
class Client {
 public:
  /// Connects to HOST:PORT; a proxy is not used for the loopback interface. INVALID_ARGUMENT if
  /// `target` is malformed. UNAVAILABLE, with the cause and the next step, if no server answers
  /// within `options.timeout`; within 2 s if the host does not exist or refuses the connection.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& target,
                                                         const ClientOptions& options);
  /// Uses an existing channel.
  Client(std::shared_ptr<grpc::Channel> channel, const ClientOptions& options);

  /// A new connection to the same server; the existing channel if the client was made from one. A
  /// stream that is to use another core needs its own connection.
  std::shared_ptr<grpc::Channel> NewChannel() const;

  absl::StatusOr<v1::Session> CreateSession(const v1::CreateSessionRequest& request) const;
  absl::StatusOr<v1::Session> GetSession(const std::string& name) const;
  /// Reads all pages. `parent` is runs/{run} or runs/-; an empty glob matches all sessions.
  absl::StatusOr<std::vector<v1::Session>> ListSessions(const std::string& parent,
                                                        const std::string& module_glob) const;
  absl::StatusOr<v1::Session> ResetSession(const std::string& name) const;
  absl::Status DeleteSession(const std::string& name) const;
  absl::Status DeleteRun(const std::string& name) const;

  /// Waits for `wait_count` records, up to the timeout.
  absl::StatusOr<v1::MinMax> GetMinMax(const std::string& name, std::int64_t wait_count = 0) const;
  /// Returns one result for each name, in order. Sends several requests if there are many names.
  /// Asks again for names for which an answer had no room, as long as each round answers at least
  /// one name. `members` selects the members of MinMax; empty: all members. Without `fold`, each
  /// session's own fold is used.
  absl::StatusOr<std::vector<v1::BatchGetMinMaxResponse::Result>> BatchGetMinMax(
      const std::string& parent, const std::vector<std::string>& names, std::int64_t wait_count = 0,
      const std::vector<std::string>& members = {},
      const std::optional<v1::FoldOptions>& fold = std::nullopt) const;
  /// Returns one result for each name and spec: in the order of names, and for each name in the
  /// order of the request's specs. `names` replaces the names in the request. Sends several
  /// requests if there are many names, and asks again for names for which an answer had no room.
  absl::StatusOr<std::vector<v1::QParamsResult>> BatchGetQParams(
      v1::BatchGetQParamsRequest request, const std::vector<std::string>& names) const;
  absl::StatusOr<v1::SweepMinMaxResponse> SweepMinMax(const v1::SweepMinMaxRequest& request) const;
  /// Without `count`, each session is sealed at its largest index plus one.
  absl::StatusOr<std::vector<v1::SealRunResponse::Result>> SealRun(
      const std::string& name, const std::string& module_glob,
      std::optional<std::int64_t> count) const;
  /// NOT_FOUND if the session does not exist. FAILED_PRECONDITION, naming the missing ranges, if it
  /// cannot be sealed at `count` records.
  absl::Status SealSession(const std::string& name, std::int64_t count) const;
  /// Calls `visit` for each record of the session, in index order, as the series was at the time of
  /// the call. If `visit` returns an error, stops and returns this error. There is no time limit.
  absl::Status ReadSeries(const std::string& name,
                          const std::function<absl::Status(const v1::SeriesRecord&)>& visit) const;
  absl::StatusOr<v1::Backup> CreateBackup(const std::string& id) const;
  absl::StatusOr<v1::Coverage> GetCoverage(const std::string& parent,
                                           const std::string& module_glob) const;

  /// Calls `visit` for each event. Returns OK when `visit` returns false, and the server's status
  /// when the server ends the call. There is no time limit. UNAVAILABLE if the connection breaks.
  absl::Status WatchSessions(const std::string& parent, const std::string& module_glob,
                             const std::function<bool(const v1::SessionEvent&)>& visit) const;

  /// OK if the server's health service says SERVING.
  absl::Status Ping() const;

  v1::Calibration::Stub& stub() const { return *stub_; }

 private:
  std::unique_ptr<grpc::ClientContext> NewContext() const;
  // Asks for the names at the positions `which`, and stores each result at the same position.
  absl::Status GetBatch(v1::BatchGetMinMaxRequest& request, const std::vector<std::string>& names,
                        absl::Span<const std::size_t> which,
                        std::vector<v1::BatchGetMinMaxResponse::Result>& results) const;

  std::string target_;
  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Calibration::Stub> stub_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_LIBRARY_CLIENT_H_
