#include "server/base/byte_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

namespace calipers::server {
namespace {

TEST(ByteBudgetTest, TellsWhatWasFreeBeforeTheCall) {
  ByteBudget budget(100);
  std::int64_t free = -1;
  EXPECT_TRUE(budget.TryReserve(60, free));
  EXPECT_EQ(free, 100);
  EXPECT_FALSE(budget.TryReserve(41, free));
  EXPECT_EQ(free, 40);
}

TEST(ByteBudgetTest, GivesTheLastByteAndNoMore) {
  ByteBudget budget(100);
  std::int64_t free = -1;
  EXPECT_TRUE(budget.TryReserve(100, free));
  EXPECT_FALSE(budget.TryReserve(1, free));
  EXPECT_TRUE(budget.TryReserve(0, free));
  EXPECT_EQ(free, 0);
}

TEST(ByteBudgetTest, ReservesNothingIfTheBytesAreNotFree) {
  ByteBudget budget(100);
  std::int64_t free = -1;
  EXPECT_TRUE(budget.TryReserve(1, free));
  EXPECT_FALSE(budget.TryReserve(std::numeric_limits<std::int64_t>::max(), free));
  EXPECT_EQ(budget.reserved(), 1);
  EXPECT_EQ(budget.max_bytes(), 100);
}

TEST(ByteBudgetTest, ReleasedBytesAreFreeAgain) {
  ByteBudget budget(100);
  std::int64_t free = -1;
  EXPECT_TRUE(budget.TryReserve(100, free));
  budget.Release(30);
  EXPECT_EQ(budget.reserved(), 70);
  EXPECT_FALSE(budget.TryReserve(31, free));
  EXPECT_TRUE(budget.TryReserve(30, free));
}

TEST(ByteBudgetTest, ThreadsTogetherReserveNoMoreThanTheLimit) {
  constexpr int kThreads = 4;
  constexpr int kLimit = 1000;
  ByteBudget budget(kLimit);
  std::atomic<int> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      std::int64_t free = -1;
      for (int i = 0; i < kLimit; ++i) {
        if (budget.TryReserve(1, free)) ++granted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(granted.load(), kLimit);
  EXPECT_EQ(budget.reserved(), kLimit);
}

}  // namespace
}  // namespace calipers::server
