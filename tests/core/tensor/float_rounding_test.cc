#include "core/tensor/float_rounding.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/slow_rounding.h"

namespace calipers {
namespace {

using calipers::testing::ExpectSameFloat;
using calipers::testing::SlowBF16;
using calipers::testing::SlowF16;

// The values of both dtypes, and the midpoints between them, have float32 bits that are multiples
// of 0x400. Checks these floats and their neighbours on both sides.
template <typename Check>
void ForFloatsNearMidpoints(Check check) {
  for (std::uint64_t bits = 0; bits < 0x100000000ULL; bits += 0x400U) {
    for (const std::uint64_t offset : {0x0ULL, 0x1ULL, 0x3FFULL}) {
      check(std::bit_cast<float>(static_cast<std::uint32_t>(bits + offset)));
    }
  }
}

TEST(RoundTest, F16RoundsLikeTheCompiler) {
  ForFloatsNearMidpoints([](float x) { ExpectSameFloat(RoundToF16(x), SlowF16(x), x); });
}

TEST(RoundTest, BF16RoundsToTheNearest) {
  ForFloatsNearMidpoints([](float x) { ExpectSameFloat(RoundToBF16(x), SlowBF16(x), x); });
}

TEST(RoundTest, Edges) {
  EXPECT_EQ(RoundToF16(65519.0F), 65504.0F);
  EXPECT_EQ(RoundToF16(65520.0F), std::numeric_limits<float>::infinity());
  EXPECT_EQ(RoundToF16(-1e30F), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(RoundToF16(0x1p-25F), 0.0F);  // a tie: rounds to even
  EXPECT_EQ(RoundToF16(0x1.8p-24F), 0x1p-23F);
  EXPECT_TRUE(std::signbit(RoundToF16(-1e-30F)));
  EXPECT_EQ(RoundToBF16(1.00390625F), 1.0F);  // a tie: rounds to even
  EXPECT_EQ(RoundToBF16(1.01171875F), 1.015625F);
  EXPECT_EQ(RoundToBF16(3.4e38F), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(RoundToBF16(std::bit_cast<float>(0x7F800001U))));
  EXPECT_TRUE(std::isnan(RoundToBF16(std::bit_cast<float>(0x7FFFFFFFU))));
}

}  // namespace
}  // namespace calipers
