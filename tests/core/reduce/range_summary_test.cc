#include "core/reduce/range_summary.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <limits>
#include <vector>

#include "core/tensor/element.h"

namespace calipers {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<std::byte> Pack(Dtype dtype, std::initializer_list<double> values) {
  std::vector<std::byte> packed(values.size() * ByteSize(dtype));
  std::byte* at = packed.data();
  for (const double value : values) {
    StoreElement(dtype, value, at);
    at += ByteSize(dtype);
  }
  return packed;
}

TEST(RangeSummaryTest, FindsTheLeastAndTheGreatestEachInItsPlace) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF8E4M3, Dtype::kI16}) {
    const RangeSummary summary =
        Summarize(dtype, Pack(dtype, {1, -4, 2, -3}), Pack(dtype, {8, 1, 9, 2}));
    EXPECT_EQ(summary.least, 1U) << DtypeName(dtype);
    EXPECT_EQ(summary.greatest, 2U) << DtypeName(dtype);
    EXPECT_FALSE(summary.saw_nan);
    EXPECT_FALSE(summary.saw_inf);
    EXPECT_FALSE(summary.crossed);
  }
}

TEST(RangeSummaryTest, ANanAtEitherEndHidesItsParameterAlone) {
  const RangeSummary low =
      Summarize(Dtype::kF32, Pack(Dtype::kF32, {kNan, 1}), Pack(Dtype::kF32, {kInf, 2}));
  EXPECT_TRUE(low.saw_nan);
  EXPECT_FALSE(low.saw_inf);
  EXPECT_EQ(low.least, 1U);
  const RangeSummary high =
      Summarize(Dtype::kF32, Pack(Dtype::kF32, {-9, 1}), Pack(Dtype::kF32, {kNan, kInf}));
  EXPECT_TRUE(high.saw_nan);
  EXPECT_TRUE(high.saw_inf);
  EXPECT_EQ(high.least, 1U);
  EXPECT_EQ(high.greatest, 1U);
}

TEST(RangeSummaryTest, NegativeZeroIsBelowPositiveZero) {
  const RangeSummary summary =
      Summarize(Dtype::kF16, Pack(Dtype::kF16, {0.0, -0.0}), Pack(Dtype::kF16, {-0.0, 0.0}));
  EXPECT_EQ(summary.least, 1U);
  EXPECT_EQ(summary.greatest, 1U);
  EXPECT_EQ(summary.crossed, 0U);
}

TEST(RangeSummaryTest, LargeIntegersAreNotRounded) {
  constexpr std::int64_t kLarge = (std::int64_t{1} << 60) + 1;
  const std::int64_t min[] = {kLarge, kLarge - 1, kLarge};
  const std::int64_t max[] = {kLarge, kLarge, kLarge - 1};
  const auto bytes = [](const std::int64_t(&values)[3]) {
    std::vector<std::byte> packed(sizeof(values));
    std::memcpy(packed.data(), values, sizeof(values));
    return packed;
  };
  const RangeSummary summary = Summarize(Dtype::kI64, bytes(min), bytes(max));
  EXPECT_EQ(summary.least, 1U);
  EXPECT_EQ(summary.greatest, 0U);
  EXPECT_EQ(summary.crossed, 2U);
}

}  // namespace
}  // namespace calipers
