#include "server/base/byte_budget.h"

#include <cassert>

namespace calipers::server {

bool ByteBudget::TryReserve(std::int64_t bytes, std::int64_t& free) {
  assert(bytes >= 0);
  std::int64_t reserved = reserved_.load(std::memory_order_relaxed);
  do {
    free = max_bytes_ - reserved;
    if (bytes > free) return false;
  } while (!reserved_.compare_exchange_weak(reserved, reserved + bytes, std::memory_order_relaxed));
  return true;
}

void ByteBudget::Release(std::int64_t bytes) {
  [[maybe_unused]] const std::int64_t before =
      reserved_.fetch_sub(bytes, std::memory_order_relaxed);
  assert(bytes >= 0 && bytes <= before);
}

}  // namespace calipers::server
