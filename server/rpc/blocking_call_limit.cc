#include "server/rpc/blocking_call_limit.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace calipers::server {

BlockingCallLimit::Slot::~Slot() {
  if (slots_ != nullptr) slots_->used_.fetch_sub(1, std::memory_order_relaxed);
}

absl::StatusOr<BlockingCallLimit::Slot> BlockingCallLimit::Acquire() {
  const std::size_t most = std::max<std::size_t>(1, max_calls_ / 2);
  if (used_.fetch_add(1, std::memory_order_relaxed) < most) return Slot(this);
  used_.fetch_sub(1, std::memory_order_relaxed);
  return absl::ResourceExhaustedError(
      absl::StrCat(most, " calls are already waiting or watching, half of --max-calls (",
                   max_calls_, "): ask again later, without waiting, or raise the limit"));
}

}  // namespace calipers::server
