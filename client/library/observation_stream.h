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
  /// The worker's name for coverage, at most 256 bytes. If it is empty, the server uses the
  /// worker's address.
  std::string worker;
  /// Bytes of a tensor in one message, 1 to 1 GiB. Another value becomes the nearest allowed one.
  std::size_t piece_bytes = std::size_t{256} << 10;
  /// Maximum number of observations that are sent and not yet acknowledged; at least 1. Observe
  /// waits while it is reached. Until the acknowledgement, the stream refers to their data and
  /// holds the owners.
  std::size_t window = 4096;
  /// Maximum size of these observations, in bytes. A larger observation is sent alone.
  std::size_t held_bytes = std::size_t{256} << 20;
  /// Maximum number of connections in a row without any acknowledgement, and of attempts to send an
  /// observation that the server cannot take at the moment. With the pauses between attempts, the
  /// default is about five minutes: enough to restart a server or to free disk space.
  int max_attempts = 80;
  /// The pause before the second attempt. It doubles for each further attempt, up to 5 s, and has a
  /// random part.
  absl::Duration backoff = absl::Milliseconds(50);
  /// Called before the stream connects again to send data a second time, if set. The stream gives
  /// up with its error. For data in files, which may have changed.
  std::function<absl::Status()> check_data;
};

/// The outcomes of a stream's observations.
struct StreamTotals {
  std::int64_t stored = 0;
  std::int64_t duplicates = 0;
  std::int64_t conflicts = 0;
  std::int64_t rejected = 0;
  /// Number of connections after the first.
  std::int64_t reconnects = 0;

  StreamTotals& operator+=(const StreamTotals& other);
};

/// Sends a worker's observations over one Observe call. If the call breaks, the stream opens
/// another call and sends the unacknowledged observations again, with the same index. So no
/// observation is lost, and none counts twice. The stream also sends an observation again if the
/// server had no room for it (RESOURCE_EXHAUSTED) or could not write it to disk (UNAVAILABLE). To
/// be used by one thread.
class ObservationStream {
 public:
  /// Called for each observation that was not stored (CONFLICT or REJECTED), from a thread of the
  /// stream.
  using OnRefused =
      std::function<void(const v1::ObservationHeader& header, const v1::ObservationAck& ack)>;

  ObservationStream(std::shared_ptr<grpc::Channel> channel, StreamOptions options,
                    OnRefused on_refused);
  /// Abandons the observations that are not acknowledged.
  ~ObservationStream();
  ObservationStream(const ObservationStream&) = delete;
  ObservationStream& operator=(const ObservationStream&) = delete;

  /// Sends one tensor. `header.index` must be set, and `data` must not change until Finish returns.
  /// With an `owner`, the tensor is sent from its memory without a copy. The owner keeps the data
  /// unchanged. It is released when gRPC no longer needs the data, which may be after Finish. After
  /// the stream has given up, nothing more is sent, and every call returns the same error.
  absl::Status Observe(const v1::ObservationHeader& header, absl::Span<const std::byte> data,
                       std::shared_ptr<const void> owner = nullptr);

  /// Sends observations that are already reduced, many in one message. The index of each header
  /// must be set. `worker` is the name of the worker that reduced them, at most 256 bytes. If it is
  /// empty, the stream's own name is used; if that is empty too, the name that was sent last.
  /// Otherwise as Observe. An observation that is larger than the server's message limit ends the
  /// stream.
  absl::Status ObserveReduced(std::vector<v1::ReducedObservation> observations,
                              const std::string& worker = "");

  /// Waits until all observations are acknowledged. Returns OK if every observation has an
  /// acknowledgement, with any outcome. Otherwise returns the error with which the stream gave up,
  /// and the number of unacknowledged observations.
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
  // An Observe call that sends serialized requests. A generated stub would copy the tensor into a
  // message, and the message into a buffer.
  using Call = grpc::ClientReaderWriter<grpc::ByteBuffer, v1::ObserveResponse>;

  void Open();
  // Ends the call, if there is one, and returns its status.
  absl::Status Close();
  void ReadAcks();
  void HandleAck(const v1::ObservationAck& ack);
  // Waits until the window has room for `count` observations with `bytes` in total.
  absl::Status AwaitRoom(std::size_t count, std::size_t bytes);
  // Waits for the backoff, then sends the postponed observations.
  absl::Status SendPostponedLater();
  // Waits until the window has room, then sends the observations.
  absl::Status Send(const std::vector<Pending>& observations);
  // Writes the observations in order. Adjacent reduced observations share a message.
  bool Write(absl::Span<const Pending> observations);
  bool WriteTensor(const Tensor& tensor);
  // Writes as many reduced observations from the front as one message takes. Sets `count` to their
  // number.
  bool WriteReduced(absl::Span<const Pending> observations, std::size_t& count);
  // Sets the worker's name in the request, unless this call has already sent it.
  void SetWorker(const std::string& worker, v1::ObserveRequest& request);
  // Sends all pending observations again over a new call. An error is final.
  absl::Status Reconnect(absl::Status why);
  absl::Status GiveUp(const absl::Status& why, int attempts);
  absl::Status AwaitAllAcknowledged();
  // Sends the postponed observations once more.
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
  // The worker's name that this call sent last; empty at its start.
  std::string worker_sent_;
  // The error with which the stream gave up. Pending observations then remain pending: over another
  // call the acknowledgements would go to the wrong observations.
  absl::Status failed_;

  mutable absl::Mutex mu_;
  // Unacknowledged observations, in the order in which the present call sent them.
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mu_);
  // Counts the pending and the postponed observations.
  SendWindow in_window_ ABSL_GUARDED_BY(mu_);
  // Observations that the server could not take at the moment. They are sent again after the others
  // are acknowledged.
  std::deque<Pending> postponed_ ABSL_GUARDED_BY(mu_);
  StreamTotals totals_ ABSL_GUARDED_BY(mu_);
  // The error, if the server could not take a whole message.
  absl::Status unreadable_ ABSL_GUARDED_BY(mu_);
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  int attempts_ ABSL_GUARDED_BY(mu_) = 1;  // since the last acknowledgement
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_LIBRARY_OBSERVATION_STREAM_H_
