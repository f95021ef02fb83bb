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

/// A stream's acknowledgements on their way out, in the order of its observations,
/// though they may become known in another. Thread-safe.
class AckQueue {
 public:
  /// A place in the queue.
  using Slot = std::int64_t;
  struct Filled {
    Slot slot;
    Ack ack;
  };

  /// From here on `on_ready` is called after each Fill, from its thread. Before the
  /// first Reserve.
  void NotifyReady(std::function<void()> on_ready) { on_ready_ = std::move(on_ready); }

  /// At the end, known already.
  void Push(Ack ack);
  /// A place at the end for one that is not known yet.
  Slot Reserve();
  /// Each slot once.
  void Fill(std::vector<Filled> acks);

  /// Takes those that come next and are known, at most `limit`.
  std::vector<Ack> Drain(std::size_t limit);
  /// All, known or not, that were not taken.
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
