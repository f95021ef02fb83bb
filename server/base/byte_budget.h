#ifndef CALIPERS_SERVER_BASE_BYTE_BUDGET_H_
#define CALIPERS_SERVER_BASE_BYTE_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace calipers::server {

/// A limit on the bytes that are reserved at the same time. Thread-safe, and never waits.
class ByteBudget {
 public:
  explicit ByteBudget(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  /// Reserves `bytes` if they are free. Sets `free` to the bytes that were free before the call.
  /// On false nothing is reserved.
  bool TryReserve(std::int64_t bytes, std::int64_t& free);
  void Release(std::int64_t bytes);

  std::int64_t max_bytes() const { return max_bytes_; }
  std::int64_t reserved() const { return reserved_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t max_bytes_;
  std::atomic<std::int64_t> reserved_{0};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_BASE_BYTE_BUDGET_H_
