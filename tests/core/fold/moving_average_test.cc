#include "core/fold/moving_average.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/slow_rounding.h"

namespace calipers {
namespace {

using calipers::testing::ExpectSameFloat;
using calipers::testing::SlowBF16;

TEST(ReferenceAverageTest, RoundsEachOperation) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> fraction(0.0, 1.0);
  std::normal_distribution<float> normal(0.0F, 30.0F);
  for (int i = 0; i < 200000; ++i) {
    const double c = fraction(random);
    const float scale = std::ldexp(1.0F, static_cast<int>(random() % 40) - 24);
    const float keep = static_cast<float>(1.0 - c);
    const float take = static_cast<float>(c);

    const auto past16 = static_cast<_Float16>(normal(random) * scale);
    const auto current16 = static_cast<_Float16>(normal(random) * scale);
    const auto kept16 = static_cast<_Float16>(static_cast<float>(past16) * keep);
    const auto taken16 = static_cast<_Float16>(static_cast<float>(current16) * take);
    const auto sum16 =
        static_cast<_Float16>(static_cast<float>(kept16) + static_cast<float>(taken16));
    const double f16 =
        ReferenceAverage<Dtype::kF16>(c)(static_cast<float>(past16), static_cast<float>(current16));
    ExpectSameFloat(static_cast<float>(f16), static_cast<float>(sum16), 0.0F);

    const float past = SlowBF16(normal(random) * scale);
    const float current = SlowBF16(normal(random) * scale);
    const float sum = SlowBF16(SlowBF16(past * keep) + SlowBF16(current * take));
    ASSERT_EQ(ReferenceAverage<Dtype::kBF16>(c)(past, current), sum) << past << " " << current;

    const float past32 = normal(random);
    const float current32 = normal(random);
    const float kept32 = past32 * keep;
    const float taken32 = current32 * take;
    const float sum32 = kept32 + taken32;
    ASSERT_EQ(ReferenceAverage<Dtype::kF32>(c)(past32, current32), sum32);
    ASSERT_EQ(ReferenceAverage<Dtype::kI16>(c)(past32, current32), sum32);

    const double past64 = fraction(random);
    const double current64 = -fraction(random);
    const double kept64 = past64 * (1.0 - c);
    const double taken64 = current64 * c;
    ASSERT_EQ(ReferenceAverage<Dtype::kF64>(c)(past64, current64), kept64 + taken64);
    ASSERT_EQ(ExactAverage(c)(past64, current64), kept64 + taken64);
  }
}

TEST(CombinedWeightTest, IsExactAtItsEnds) {
  for (const double c : {0.0, 1e-300, 0.01, 0.3, 0.5, 1.0}) {
    EXPECT_EQ(CombinedWeight(c, 0), 0.0) << c;
    EXPECT_EQ(CombinedWeight(c, 1), c) << c;
  }
  constexpr std::int64_t kMany = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(CombinedWeight(0.0, kMany), 0.0);
  EXPECT_EQ(CombinedWeight(1.0, kMany), 1.0);
  EXPECT_EQ(CombinedWeight(0.01, kMany), 1.0);
  EXPECT_EQ(CombinedWeight(0.5, 2), 0.75);
  EXPECT_EQ(CombinedWeight(0.5, 3), 0.875);
}

TEST(CombinedWeightTest, IsNearTheFormula) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> digits(0.0, 18.0);
  for (int i = 0; i < 100000; ++i) {
    const double c = std::pow(10.0, -digits(random));
    const auto n = static_cast<std::int64_t>(std::pow(10.0, digits(random)));
    const auto expected = static_cast<double>(
        -std::expm1(static_cast<long double>(n) * std::log1p(-static_cast<long double>(c))));
    const double actual = CombinedWeight(c, n);
    ASSERT_NEAR(actual / expected, 1.0, 4e-15) << c << " " << n;
    ASSERT_LE(actual, 1.0);
    ASSERT_LE(CombinedWeight(c, n), CombinedWeight(c, 2 * n));
  }
}

}  // namespace
}  // namespace calipers
