#ifndef CALIPERS_SERVER_RPC_OBSERVE_STREAMS_H_
#define CALIPERS_SERVER_RPC_OBSERVE_STREAMS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"
#include "server/ingest/observation_ingest.h"
#include "server/rpc/observe_stream.h"

namespace calipers::server {

/// The open Observe calls, at most `max_streams`. Thread-safe.
class ObserveStreams {
 public:
  ObserveStreams(const ObservationIngest::Shared& shared, std::size_t max_streams)
      : shared_(shared), max_streams_(max_streams) {}
  /// Every call must have ended before. The last steps of a call run on gRPC's threads under this
  /// lock. Taking it here ensures that they are over before other objects are destroyed.
  ~ObserveStreams() { absl::MutexLock lock(&mu_); }
  ObserveStreams(const ObserveStreams&) = delete;
  ObserveStreams& operator=(const ObserveStreams&) = delete;

  /// Makes the reactor of a new call. Its call ends at once with RESOURCE_EXHAUSTED if
  /// `max_streams` calls are open, and with UNAVAILABLE after Drain.
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Open(const std::string& peer);

  /// Ends every call when its tensor in progress is complete and acknowledged.
  void Drain();

 private:
  void Close(ObserveStream* stream);

  const ObservationIngest::Shared shared_;
  const std::size_t max_streams_;
  absl::Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<ObserveStream*, std::shared_ptr<ObserveStream>> open_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_OBSERVE_STREAMS_H_
