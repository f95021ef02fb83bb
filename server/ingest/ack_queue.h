#ifndef CALIPERS_SERVER_INGEST_ACK_QUEUE_H_
#define CALIPERS_SERVER_INGEST_ACK_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/model/observation_header.h"

namespace calipers::server {

/// The acknowledgements of a stream that are not yet sent, in the order of its observations. They
/// may become known in another order. Thread-safe.
class AckQueue {
 public:
  /// A place in the queue.
  using Slot = std::int64_t;
  struct Filled {
    Slot slot;
    Ack ack;
  };

  /// Sets the function that is called after each Fill, on the thread of the Fill. Call it before
  /// the first Reserve.
  void NotifyReady(std::function<void()> on_ready) { on_ready_ = std::move(on_ready); }

  /// Appends an acknowledgement that is already known.
  void Push(Ack ack);
  /// Appends a slot for an acknowledgement that is not known yet.
  Slot Reserve();
  /// Enters acknowledgements into their slots. Each slot is filled once.
  void Fill(std::vector<Filled> acks);

  /// Removes and returns the next acknowledgements, at most `limit`, up to the first that is not
  /// known.
  std::vector<Ack> Drain(std::size_t limit);
  /// The number of acknowledgements in the queue, known or not.
  std::size_t size() const;
  bool HasReady() const;

 private:
  std::function<void()> on_ready_ = [] {};
  mutable absl::Mutex mu_;
  std::deque<std::optional<Ack>> acks_ ABSL_GUARDED_BY(mu_);
  Slot first_ ABSL_GUARDED_BY(mu_) = 0;  // the slot of acks_[0]
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_INGEST_ACK_QUEUE_H_
