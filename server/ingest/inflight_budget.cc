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
  if (budget_ != nullptr) budget_->Release(bytes_);
}

absl::StatusOr<InflightBudget::Lease> InflightBudget::Reserve(std::int64_t bytes) {
  std::int64_t free = 0;
  if (bytes_.TryReserve(bytes, free)) return Lease(&bytes_, bytes);
  return absl::ResourceExhaustedError(absl::StrCat(
      "the observation's accumulators take ", bytes, " bytes and ", free, " of ",
      bytes_.max_bytes(), " are free (--max-inflight-bytes): ",
      bytes > bytes_.max_bytes() ? "use larger groups or raise the limit" : "send it again later"));
}

}  // namespace calipers::server
