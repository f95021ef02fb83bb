#ifndef CALIPERS_SERVER_INGEST_INFLIGHT_BUDGET_H_
#define CALIPERS_SERVER_INGEST_INFLIGHT_BUDGET_H_

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"

namespace calipers::server {

/// Bytes that observations in flight may take together. Thread-safe.
class InflightBudget {
 public:
  /// A part of the budget, given back when it goes. Movable.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();

   private:
    friend class InflightBudget;
    Lease(InflightBudget* budget, std::int64_t bytes) : budget_(budget), bytes_(bytes) {}
    InflightBudget* budget_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  explicit InflightBudget(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  /// RESOURCE_EXHAUSTED, with the figures, if they are not free. Never waits:
  /// the caller runs on a thread that other streams need.
  absl::StatusOr<Lease> Reserve(std::int64_t bytes);

  std::int64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t max_bytes_;
  std::atomic<std::int64_t> used_{0};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_INGEST_INFLIGHT_BUDGET_H_
