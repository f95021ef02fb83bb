#include "server/ingest/inflight_budget.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace calipers::server {

InflightBudget::Lease::Lease(Lease&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

InflightBudget::Lease& InflightBudget::Lease::operator=(Lease&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

InflightBudget::Lease::~Lease() {
  if (budget_ != nullptr) budget_->used_.fetch_sub(bytes_, std::memory_order_relaxed);
}

absl::StatusOr<InflightBudget::Lease> InflightBudget::Reserve(std::int64_t bytes) {
  std::int64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > max_bytes_ - used) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the observation's accumulators take ", bytes, " bytes and ", max_bytes_ - used, " of ",
          max_bytes_, " are free (--max-inflight-bytes): ",
          bytes > max_bytes_ ? "use larger groups or raise the limit" : "send it again later"));
    }
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return Lease(this, bytes);
}

}  // namespace calipers::server
