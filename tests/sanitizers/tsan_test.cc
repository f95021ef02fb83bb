// That ThreadSanitizer sees absl::Mutex, and still sees a race.

#include <gtest/gtest.h>

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace calipers {
namespace {

constexpr int kRounds = 2000;

TEST(TsanTest, WhatAMutexGuardsIsNoRace) {
  absl::Mutex mu;
  int counter = 0;
  const auto add = [&] {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&mu);
      ++counter;
    }
  };
  std::thread other(add);
  add();
  other.join();
  EXPECT_EQ(counter, 2 * kRounds);
}

TEST(TsanTest, WhatAConditionWaitsForIsNoRace) {
  absl::Mutex mu;
  int turn = 0;
  const auto play = [&](int mine) {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&mu);
      const auto my_turn = [&] { return turn % 2 == mine; };
      mu.Await(absl::Condition(&my_turn));
      ++turn;
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn, 2 * kRounds);
}

TEST(TsanDeathTest, ARaceIsReported) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        int counter = 0;
        const auto add = [&counter] {
          for (int i = 0; i < kRounds; ++i) *const_cast<volatile int*>(&counter) += 1;
        };
        std::thread one(add);
        std::thread two(add);
        one.join();
        two.join();
      },
      "data race");
}

}  // namespace
}  // namespace calipers
