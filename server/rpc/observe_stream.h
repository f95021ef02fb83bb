#ifndef CALIPERS_SERVER_RPC_OBSERVE_STREAM_H_
#define CALIPERS_SERVER_RPC_OBSERVE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "calipers/v1/observation.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/ingest/ack_queue.h"
#include "server/ingest/observation_ingest.h"

namespace calipers::server {

/// UNAVAILABLE: the status of a stream if the server stops.
grpc::Status ShuttingDown();

/// Counts the outcomes of a stream's observations, for the log.
struct StreamTally {
  std::int64_t stored = 0;
  std::int64_t duplicates = 0;
  std::int64_t conflicts = 0;
  std::int64_t rejected = 0;
  absl::Status first_problem;

  void Count(const Ack& ack);
  void Log(absl::string_view worker, std::int64_t messages) const;
};

/// The gRPC side of one Observe call: reads messages one at a time, passes them to its
/// ObservationIngest, and writes the acknowledgements. It stops reading while many acknowledgements
/// are pending, so a worker that does not read them slows only itself.
class ObserveStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public std::enable_shared_from_this<ObserveStream> {
 public:
  /// `on_done` is called last; it may destroy the stream.
  ObserveStream(std::function<void(ObserveStream*)> on_done,
                const ObservationIngest::Shared& shared, const std::string& peer);

  /// Starts reading. A shared pointer to this object must exist.
  void Start();
  /// Ends the call with UNAVAILABLE when no tensor is in progress and all acknowledgements are
  /// written.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);

  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // The next actions. They are decided under the lock and done outside of it.
  struct Step {
    bool read = false;
    bool write = false;
    bool finish = false;
    grpc::Status status;
  };

  // Called when more acknowledgements may be ready.
  void OnAcks() ABSL_LOCKS_EXCLUDED(mu_);
  void Handle(grpc::ByteBuffer& message);
  grpc::ByteBuffer NextResponse() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Do(const Step& step);

  const std::function<void(ObserveStream*)> on_done_;
  const std::shared_ptr<AckQueue> acks_;
  // Used only by OnReadDone, whose calls follow one another, and then by OnDone.
  ObservationIngest ingest_;
  std::int64_t messages_ = 0;
  grpc::ByteBuffer incoming_;
  // Set when a write is decided, and not changed before its OnWriteDone.
  grpc::ByteBuffer outgoing_;

  absl::Mutex mu_;
  StreamTally tally_ ABSL_GUARDED_BY(mu_);
  // True if a write failed, because the worker is gone. Nothing more is written.
  bool unheard_ ABSL_GUARDED_BY(mu_) = false;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;  // waiting for a message, or handling one
  bool at_work_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mu_) = false;
  bool in_progress_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_OBSERVE_STREAM_H_
