#include "core/mutex_settings.h"

#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "tests/support/lock_order.h"

namespace calipers {
namespace {

TEST(MutexSettingsTest, LocksInBothOrdersDoNotEndATestProgram) { testing::LockInBothOrders(); }

// Shows that the test above can fail.
TEST(MutexSettingsDeathTest, LocksInBothOrdersEndAProgramWhoseDetectorIsOn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kAbort);
        testing::LockInBothOrders();
      },
      "otential .*deadlock");
}

}  // namespace
}  // namespace calipers
