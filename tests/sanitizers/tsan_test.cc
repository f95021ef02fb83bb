// ThreadSanitizer sees absl::Mutex, and still reports a race.

#include <gtest/gtest.h>

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace calipers {
namespace {

constexpr int kRounds = 2000;

TEST(TsanTest, AccessUnderAMutexIsNoRace) {
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

TEST(TsanTest, AccessAfterAConditionIsNoRace) {
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

void Race() {
  int counter = 0;
  const auto add = [&counter] {
    for (int i = 0; i < kRounds; ++i) {
      ++counter;
      __atomic_signal_fence(__ATOMIC_SEQ_CST);  // one store in each round
    }
  };
  std::thread one(add);
  std::thread two(add);
  one.join();
  two.join();
}

TEST(TsanDeathTest, RaceIsReported) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Race(), "data race");
}

}  // namespace
}  // namespace calipers
