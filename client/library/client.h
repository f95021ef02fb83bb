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

/// gRPC's outcome as Abseil's.
absl::Status FromGrpc(const grpc::Status& status);

struct ClientOptions {
  /// How long connecting may take, each call that is not a stream, and a server's
  /// sign of life.
  absl::Duration timeout = absl::Seconds(60);
  /// After this much silence on a connection in use the server is asked for a
  /// sign of life; without one within `timeout` the connection counts as broken.
  /// calipers-server allows no less than 5 s.
  absl::Duration keepalive_time = absl::Seconds(10);
};

/// A connection to a server, for sessions and answers; ObservationStream sends
/// tensors over it. Calls block, up to the timeout given at the start, and return
/// the server's status as it is. Thread-safe.
class Client {
 public:
  /// Connects to HOST:PORT. UNAVAILABLE, saying what to look at, if nothing
  /// answers within the timeout, which then holds for each call.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& target,
                                                         const ClientOptions& options);
  /// Over a channel that is there already.
  Client(std::shared_ptr<grpc::Channel> channel, const ClientOptions& options);

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
  /// One result a name, in order; asks in several calls if there are many, and
  /// again for those that the server had no room for in its answer, as long as
  /// that brings some. `members` of MinMax are answered; none: all.
  /// Without `fold`, the sessions' own.
  absl::StatusOr<std::vector<v1::BatchGetMinMaxResponse::Result>> BatchGetMinMax(
      const std::string& parent, const std::vector<std::string>& names, std::int64_t wait_count = 0,
      const std::vector<std::string>& members = {},
      const std::optional<v1::FoldOptions>& fold = std::nullopt) const;
  /// One result a name and spec, in the order of names, for each in that of the request's
  /// specs. The request's names are those given here; it is asked in several calls if there
  /// are many, and again for those that the server had no room for, as above.
  absl::StatusOr<std::vector<v1::QParamsResult>> BatchGetQParams(
      v1::BatchGetQParamsRequest request, const std::vector<std::string>& names) const;
  absl::StatusOr<v1::SweepMinMaxResponse> SweepMinMax(const v1::SweepMinMaxRequest& request) const;
  /// Without `count`, each session at as many as its records reach to.
  absl::StatusOr<std::vector<v1::SealRunResponse::Result>> SealRun(
      const std::string& name, const std::string& module_glob,
      std::optional<std::int64_t> count) const;
  /// NOT_FOUND, or FAILED_PRECONDITION, naming the missing ranges, if it cannot be sealed
  /// at `count` records.
  absl::Status SealSession(const std::string& name, std::int64_t count) const;
  /// Calls `visit` for each record of the session, in the order of their indices, as of
  /// the moment of the call, until it returns an error, which is then returned.
  absl::Status ReadSeries(const std::string& name,
                          const std::function<absl::Status(const v1::SeriesRecord&)>& visit) const;
  absl::StatusOr<v1::Backup> CreateBackup(const std::string& id) const;
  absl::StatusOr<v1::Coverage> GetCoverage(const std::string& parent,
                                           const std::string& module_glob) const;

  /// Calls `visit` for each event until it returns false (then OK) or the server
  /// ends the call (then its status), however long that takes; UNAVAILABLE if the
  /// connection breaks.
  absl::Status WatchSessions(const std::string& parent, const std::string& module_glob,
                             const std::function<bool(const v1::SessionEvent&)>& visit) const;

  /// OK if the server's health service says SERVING.
  absl::Status Ping() const;

  v1::Calibration::Stub& stub() const { return *stub_; }

 private:
  std::unique_ptr<grpc::ClientContext> NewContext() const;
  // Asks for `which` of the names and puts the answers at the same places.
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
