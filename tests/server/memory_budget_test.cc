#include "server/memory_budget.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

TEST(MemoryBudgetTest, LeasesComeBack) {
  MemoryBudget budget(100);
  {
    auto lease = budget.Take(60);
    ASSERT_OK(lease);
    EXPECT_EQ(budget.used(), 60);
    EXPECT_THAT(budget.Take(41),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("40 of 100 are free")));
    const MemoryBudget::Lease moved = *std::move(lease);
    EXPECT_EQ(budget.used(), 60);
    EXPECT_OK(budget.Take(40));
  }
  EXPECT_EQ(budget.used(), 0);
}

TEST(MemoryBudgetTest, WhatCanNeverFitSaysSo) {
  MemoryBudget budget(100);
  EXPECT_THAT(budget.Take(std::numeric_limits<std::int64_t>::max()),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("raise the limit")));
  EXPECT_EQ(budget.used(), 0);
}

TEST(MemoryBudgetTest, AssigningALeaseGivesTheOldOneBack) {
  MemoryBudget budget(100);
  MemoryBudget::Lease lease = *budget.Take(10);
  lease = *budget.Take(20);
  EXPECT_EQ(budget.used(), 20);
}

}  // namespace
}  // namespace calipers::server
