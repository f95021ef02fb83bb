#ifndef CALIPERS_SERVER_INGEST_INFLIGHT_BUDGET_H_
#define CALIPERS_SERVER_INGEST_INFLIGHT_BUDGET_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/base/byte_budget.h"

namespace calipers::server {

/// The limit on the bytes that all observations in flight take together. Thread-safe.
class InflightBudget {
 public:
  /// A part of the budget, which the destructor releases. Movable.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();

   private:
    friend class InflightBudget;
    Lease(ByteBudget* budget, std::int64_t bytes) : budget_(budget), bytes_(bytes) {}
    ByteBudget* budget_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  explicit InflightBudget(std::int64_t max_bytes) : bytes_(max_bytes) {}

  /// Reserves `bytes`. RESOURCE_EXHAUSTED, with the numbers, if they are not free. Never waits,
  /// because the caller runs on a thread that other streams need.
  absl::StatusOr<Lease> Reserve(std::int64_t bytes);

  std::int64_t used() const { return bytes_.reserved(); }

 private:
  ByteBudget bytes_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_INGEST_INFLIGHT_BUDGET_H_
