#include "server/session/count_waiter.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace calipers::server {
namespace {

constexpr SeriesId kSeries{7};

TEST(CountWaiterTest, EndsWhenTheCountIsReached) {
  CountWaiter waiter;
  CountWaiter::Waiting waiting(&waiter);
  std::thread putting([&] {
    for (std::int64_t count = 1; count <= 100; ++count) waiter.Reached(kSeries, count);
  });
  EXPECT_TRUE(waiting.Await(kSeries, 100, absl::InfiniteFuture()));
  putting.join();
}

TEST(CountWaiterTest, CountReachedBeforeTheWaitEndsIt) {
  CountWaiter waiter;
  CountWaiter::Waiting waiting(&waiter);
  waiter.Reached(kSeries, 5);
  // Results may arrive in another order than the puts.
  waiter.Reached(kSeries, 3);
  EXPECT_TRUE(waiting.Await(kSeries, 5, absl::InfiniteFuture()));
}

TEST(CountWaiterTest, AnotherSeriesEndsEveryWaitForTheOneBefore) {
  CountWaiter waiter;
  CountWaiter::Waiting waiting(&waiter);
  waiter.Reached(SeriesId{8}, 0);
  EXPECT_TRUE(waiting.Await(kSeries, 5, absl::InfiniteFuture()));
  // A late result for the old series does not count for the new series.
  waiter.Reached(kSeries, 100);
  const absl::Time deadline = absl::Now() + absl::Milliseconds(5);
  EXPECT_FALSE(waiting.Await(SeriesId{8}, 5, deadline));
  EXPECT_GE(absl::Now(), deadline);
}

TEST(CountWaiterTest, TheEndEndsEveryWait) {
  CountWaiter waiter;
  CountWaiter::Waiting waiting(&waiter);
  std::thread ending([&] { waiter.End(); });
  EXPECT_TRUE(waiting.Await(kSeries, 1, absl::InfiniteFuture()));
  ending.join();
}

}  // namespace
}  // namespace calipers::server
