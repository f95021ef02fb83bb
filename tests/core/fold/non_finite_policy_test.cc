#include "core/fold/non_finite_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "tests/support/records.h"

namespace calipers {
namespace {

using calipers::testing::MakeRecord;

TEST(NonFinitePolicyTest, EmptyAndSkippedRecordsAreLeftOut) {
  constexpr auto kKeep = NonFinitePolicy::kPropagate;
  constexpr auto kSkip = NonFinitePolicy::kSkip;
  const Record empty = Record::Empty(Dtype::kF32, 3);
  EXPECT_TRUE(LeftOut(kKeep, empty));
  EXPECT_TRUE(LeftOut(kSkip, empty));
  const std::pair<double, double> unusual[] = {{NAN, NAN}, {-INFINITY, 0}, {0, INFINITY}};
  for (const auto& [min, max] : unusual) {
    EXPECT_FALSE(LeftOut(kKeep, *MakeRecord(min, max)));
    EXPECT_TRUE(LeftOut(kSkip, *MakeRecord(min, max))) << min << " " << max;
  }
  EXPECT_FALSE(LeftOut(kSkip, *MakeRecord(-1, 1)));
}

}  // namespace
}  // namespace calipers
