#ifndef CALIPERS_SERVER_RPC_BLOCKING_CALL_LIMIT_H_
#define CALIPERS_SERVER_RPC_BLOCKING_CALL_LIMIT_H_

#include <atomic>
#include <cstddef>

#include "absl/status/statusor.h"

namespace calipers::server {

/// Limits how many calls may wait for an event. Each waiting call holds a thread. Without a limit,
/// they could take all threads, and the calls that cause the event could not run. Thread-safe.
class BlockingCallLimit {
 public:
  /// One slot, which the destructor releases. Movable.
  class Slot {
   public:
    Slot(Slot&& other) noexcept : slots_(other.slots_) { other.slots_ = nullptr; }
    Slot& operator=(Slot&& other) = delete;
    ~Slot();

   private:
    friend class BlockingCallLimit;
    explicit Slot(BlockingCallLimit* slots) : slots_(slots) {}
    BlockingCallLimit* slots_;
  };

  /// The limit is half of `max_calls`, the server's --max-calls, and at least one.
  explicit BlockingCallLimit(std::size_t max_calls) : max_calls_(max_calls) {}

  /// Takes a slot. RESOURCE_EXHAUSTED, naming the flag, if no slot is free.
  absl::StatusOr<Slot> Acquire();

 private:
  const std::size_t max_calls_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_BLOCKING_CALL_LIMIT_H_
