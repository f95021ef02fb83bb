#include "server/ingest/inflight_budget.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

TEST(InflightBudgetTest, LeasesComeBack) {
  InflightBudget budget(100);
  {
    auto lease = budget.Reserve(60);
    ASSERT_OK(lease);
    EXPECT_EQ(budget.used(), 60);
    EXPECT_THAT(budget.Reserve(41),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("40 of 100 are free")));
    const InflightBudget::Lease moved = *std::move(lease);
    EXPECT_EQ(budget.used(), 60);
    EXPECT_OK(budget.Reserve(40));
  }
  EXPECT_EQ(budget.used(), 0);
}

TEST(InflightBudgetTest, ReservationAboveTheBudgetAsksToRaiseTheLimit) {
  InflightBudget budget(100);
  EXPECT_THAT(budget.Reserve(std::numeric_limits<std::int64_t>::max()),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("raise the limit")));
  EXPECT_EQ(budget.used(), 0);
}

TEST(InflightBudgetTest, AssigningALeaseGivesTheOldOneBack) {
  InflightBudget budget(100);
  InflightBudget::Lease lease = *budget.Reserve(10);
  lease = *budget.Reserve(20);
  EXPECT_EQ(budget.used(), 20);
}

}  // namespace
}  // namespace calipers::server
