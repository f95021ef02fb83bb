#ifndef CALIPERS_SERVER_RPC_GRPC_POLL_KEEPER_H_
#define CALIPERS_SERVER_RPC_GRPC_POLL_KEEPER_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/alarm.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace calipers::server {

/// Keeps gRPC's callback threads polling. In gRPC 1.51 a thread that had no event for a second
/// sleeps for 100 ms, and a connection or call that arrives in this time waits for it. This class
/// therefore makes an event twice a second: the server checks its own health.
class GrpcPollKeeper {
 public:
  /// `channel` is a channel to the server within the process.
  explicit GrpcPollKeeper(const std::shared_ptr<grpc::Channel>& channel);
  /// Waits for a running check. Destroy this object before the server stops.
  ~GrpcPollKeeper();
  GrpcPollKeeper(const GrpcPollKeeper&) = delete;
  GrpcPollKeeper& operator=(const GrpcPollKeeper&) = delete;

 private:
  void Arm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Check() ABSL_LOCKS_EXCLUDED(mu_);
  void Checked() ABSL_LOCKS_EXCLUDED(mu_);

  grpc::GenericStub stub_;
  // The context of the running check.
  std::optional<grpc::ClientContext> context_;
  const grpc::Slice nothing_;
  const grpc::ByteBuffer request_{&nothing_, 1};
  grpc::ByteBuffer response_;

  absl::Mutex mu_;
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // True if no alarm and no check will call back any more.
  bool quiet_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_GRPC_POLL_KEEPER_H_
