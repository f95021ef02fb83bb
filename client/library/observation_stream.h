#ifndef CALIPERS_CLIENT_LIBRARY_OBSERVATION_STREAM_H_
#define CALIPERS_CLIENT_LIBRARY_OBSERVATION_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "calipers/v1/calibration.grpc.pb.h"
#include "client/library/send_window.h"
#include "grpcpp/grpcpp.h"

namespace calipers::client {

struct StreamOptions {
  /// The worker's name, for coverage, at most 256 bytes; empty: the server takes the
  /// address.
  std::string worker;
  /// Bytes of a tensor sent in one message: 1 to 1 GiB, the nearest if it is another.
  std::size_t piece_bytes = std::size_t{256} << 10;
  /// Observations sent and not acknowledged, at most, and at least 1; Observe waits
  /// beyond. Their data, or their owners, are held meanwhile.
  std::size_t window = 4096;
  /// Bytes of those, at most; what is more goes alone.
  std::size_t held_bytes = std::size_t{256} << 20;
  /// Connections tried in a row without one acknowledgement coming, and times
  /// an observation is sent that the server cannot take for the moment. With the pauses
  /// between them some five minutes: a server is restarted, a disk cleared, in less.
  int max_attempts = 80;
  /// Waited before the second attempt; doubled for each further one, with a
  /// random part, up to 5 s.
  absl::Duration backoff = absl::Milliseconds(50);
};

/// What became of the observations of a stream.
struct StreamTotals {
  std::int64_t stored = 0;
  std::int64_t duplicates = 0;
  std::int64_t conflicts = 0;
  std::int64_t rejected = 0;
  /// Connections after the first.
  std::int64_t reconnects = 0;

  StreamTotals& operator+=(const StreamTotals& other);
};

/// Sends a worker's observations over one Observe call, and over another when
/// that breaks: what was not acknowledged is sent again with the same index, so
/// nothing is lost and nothing counts twice. What the server had no room for
/// (RESOURCE_EXHAUSTED), or could not write to its disk (UNAVAILABLE), is sent again
/// too. To be used by one thread.
class ObservationStream {
 public:
  /// Called, from a thread of the stream's, for each observation that was not
  /// stored: CONFLICT and REJECTED.
  using OnRefused =
      std::function<void(const v1::ObservationHeader& header, const v1::ObservationAck& ack)>;

  ObservationStream(std::shared_ptr<grpc::Channel> channel, StreamOptions options,
                    OnRefused on_refused);
  /// Gives up what is not acknowledged.
  ~ObservationStream();
  ObservationStream(const ObservationStream&) = delete;
  ObservationStream& operator=(const ObservationStream&) = delete;

  /// Sends one tensor. `header.index` must be set, and `data` must stay as it
  /// is until Finish returns. With an `owner` it is sent without being copied, from
  /// where it lies; the owner, which keeps it there unchanged, is released once gRPC
  /// needs it no longer, which may be after Finish. Not OK once the stream has given the server up:
  /// then nothing more is sent, and every further call returns the same error.
  absl::Status Observe(const v1::ObservationHeader& header, absl::Span<const std::byte> data,
                       std::shared_ptr<const void> owner = nullptr);

  /// Sends observations that were reduced already, many in a message. Each header's index
  /// must be set. `worker` is who reduced them, in at most 256 bytes; empty: the stream's
  /// own name (where it has none, the one said last). Otherwise as above; an observation
  /// that is larger than the server takes in a message ends the stream.
  absl::Status ObserveReduced(std::vector<v1::ReducedObservation> observations,
                              const std::string& worker = "");

  /// Waits until all is acknowledged. OK if every observation has its
  /// acknowledgement, whatever that says; else the error with which the stream
  /// gave up, and how many observations have none.
  absl::Status Finish();

  /// Stable after Finish.
  StreamTotals totals() const;

 private:
  struct Tensor {
    v1::ObservationHeader header;
    absl::Span<const std::byte> data;
    std::shared_ptr<const void> owner;
  };
  struct Reduced {
    std::shared_ptr<const v1::ReducedObservation> observation;
    std::shared_ptr<const std::string> worker;
  };
  struct Pending {
    std::variant<Tensor, Reduced> what;
    int attempts = 1;

    const v1::ObservationHeader& header() const;
    std::size_t bytes() const;
  };
  // Observe, but with requests that are serialized already: a generated stub would
  // copy the tensor into a message and that into a buffer.
  using Call = grpc::ClientReaderWriter<grpc::ByteBuffer, v1::ObserveResponse>;

  void Open();
  // Ends the call, if there is one, and returns its status.
  absl::Status Close();
  void ReadAcks();
  void HandleAck(const v1::ObservationAck& ack);
  // Waits until so many of so many bytes have room.
  absl::Status AwaitRoom(std::size_t count, std::size_t bytes);
  // Waits a little, and sends what was postponed.
  absl::Status SendPostponedLater();
  // Waits until the window has room, and sends them.
  absl::Status Send(const std::vector<Pending>& observations);
  // In their order; reduced ones next to each other go into one message.
  bool Write(absl::Span<const Pending> observations);
  bool WriteTensor(const Tensor& tensor);
  // As many from the front as one message takes; returns how many.
  bool WriteReduced(absl::Span<const Pending> observations, std::size_t& count);
  // Says who observed, unless the server knows already.
  void SetWorker(const std::string& worker, v1::ObserveRequest& request);
  // Sends everything that is unacknowledged over a new call. An error is final.
  absl::Status Reconnect(absl::Status why);
  absl::Status GiveUp(const absl::Status& why, int attempts);
  absl::Status AwaitAllAcknowledged();
  // Sends what was postponed once more.
  absl::Status SendPostponed();
  void Wait(int attempt);

  const std::shared_ptr<grpc::Channel> channel_;
  const grpc::internal::RpcMethod method_;
  const StreamOptions options_;
  const OnRefused on_refused_;
  std::mt19937 random_{std::random_device()()};
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<Call> call_;
  std::thread reader_;
  // What this call has told the server; nothing at its begin.
  std::string worker_sent_;
  // With what it gave up. What is pending then stays so: over another call the
  // acknowledgements would go to the wrong observations.
  absl::Status failed_;

  mutable absl::Mutex mu_;
  // In the order in which they were sent over the present call.
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mu_);
  // Counts these, and what is postponed.
  SendWindow in_window_ ABSL_GUARDED_BY(mu_);
  // Refused for want of room; sent again once the rest is through.
  std::deque<Pending> postponed_ ABSL_GUARDED_BY(mu_);
  StreamTotals totals_ ABSL_GUARDED_BY(mu_);
  // Why a message was not taken, if one was not.
  absl::Status unreadable_ ABSL_GUARDED_BY(mu_);
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  int attempts_ ABSL_GUARDED_BY(mu_) = 1;  // since the last acknowledgement
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_LIBRARY_OBSERVATION_STREAM_H_
