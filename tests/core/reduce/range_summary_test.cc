#include "core/reduce/range_summary.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <vector>

#include "core/tensor/element.h"
#include "tests/support/elements.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::Packed;

TEST(RangeSummaryTest, FindsTheLeastAndTheGreatestEachInItsPlace) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF8E4M3, Dtype::kI16}) {
    const RangeSummary summary =
        Summarize(dtype, Packed(dtype, {1, -4, 2, -3}).bytes, Packed(dtype, {8, 1, 9, 2}).bytes);
    EXPECT_EQ(summary.least, 1U) << DtypeName(dtype);
    EXPECT_EQ(summary.greatest, 2U) << DtypeName(dtype);
    EXPECT_FALSE(summary.saw_nan);
    EXPECT_FALSE(summary.saw_inf);
    EXPECT_FALSE(summary.crossed);
  }
}

TEST(RangeSummaryTest, NanAtEitherEndHidesItsParameterAlone) {
  const RangeSummary low = Summarize(Dtype::kF32, Packed(Dtype::kF32, {kNan, 1}).bytes,
                                     Packed(Dtype::kF32, {kInf, 2}).bytes);
  EXPECT_TRUE(low.saw_nan);
  EXPECT_FALSE(low.saw_inf);
  EXPECT_EQ(low.least, 1U);
  const RangeSummary high = Summarize(Dtype::kF32, Packed(Dtype::kF32, {-9, 1}).bytes,
                                      Packed(Dtype::kF32, {kNan, kInf}).bytes);
  EXPECT_TRUE(high.saw_nan);
  EXPECT_TRUE(high.saw_inf);
  EXPECT_EQ(high.least, 1U);
  EXPECT_EQ(high.greatest, 1U);
}

TEST(RangeSummaryTest, NegativeZeroIsBelowPositiveZero) {
  const RangeSummary summary = Summarize(Dtype::kF16, Packed(Dtype::kF16, {0.0, -0.0}).bytes,
                                         Packed(Dtype::kF16, {-0.0, 0.0}).bytes);
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
