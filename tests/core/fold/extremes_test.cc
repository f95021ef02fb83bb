#include "core/fold/extremes.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/elements.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;

TEST(ExtremesTest, OrderNanAndZeros) {
  EXPECT_EQ(Lower(1.0, -2.0), -2.0);
  EXPECT_EQ(Lower(-2.0, 1.0), -2.0);
  EXPECT_EQ(Upper(1.0, -2.0), 1.0);
  EXPECT_EQ(Upper(-2.0, 1.0), 1.0);
  for (const double other : {0.0, 1.0, -kInf, kInf, kNan}) {
    EXPECT_TRUE(std::isnan(Lower(kNan, other)));
    EXPECT_TRUE(std::isnan(Lower(other, kNan)));
    EXPECT_TRUE(std::isnan(Upper(kNan, other)));
    EXPECT_TRUE(std::isnan(Upper(other, kNan)));
  }
  EXPECT_TRUE(std::signbit(Lower(0.0, -0.0)));
  EXPECT_TRUE(std::signbit(Lower(-0.0, 0.0)));
  EXPECT_FALSE(std::signbit(Upper(0.0, -0.0)));
  EXPECT_FALSE(std::signbit(Upper(-0.0, 0.0)));
}

}  // namespace
}  // namespace calipers
