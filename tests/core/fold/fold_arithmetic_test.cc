#include "core/fold/fold_arithmetic.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace calipers {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// The compiler's own binary16.
float SlowF16(float x) { return static_cast<float>(static_cast<_Float16>(x)); }

// The nearer of the two bfloat16 around x, by distance; the even one of two as
// near. Beyond the largest finite one, 2^128 stands for infinity.
float SlowBF16(float x) {
  if (!std::isfinite(x)) return x;
  const std::uint32_t below_bits = std::bit_cast<std::uint32_t>(std::fabs(x)) & 0xFFFF0000U;
  const std::uint32_t above_bits = below_bits + 0x10000U;
  const auto value = [](std::uint32_t bits) {
    return bits == 0x7F800000U ? 0x1p128 : double{std::bit_cast<float>(bits)};
  };
  const double to_below = std::fabs(double{x}) - value(below_bits);
  const double to_above = value(above_bits) - std::fabs(double{x});
  const bool below = to_below < to_above || (to_below == to_above && (below_bits & 0x10000U) == 0);
  return std::copysign(std::bit_cast<float>(below ? below_bits : above_bits), x);
}

void ExpectSameFloat(float actual, float expected, float x) {
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(actual)) << x;
  } else {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(actual), std::bit_cast<std::uint32_t>(expected)) << x;
  }
}

// Both dtypes' values, and the midpoints between them, are multiples of 0x400
// among the bits of a float32: those, and their neighbours on both sides.
template <typename Check>
void ForFloatsNearMidpoints(Check check) {
  for (std::uint64_t bits = 0; bits < 0x100000000ULL; bits += 0x400U) {
    for (const std::uint64_t offset : {0x0ULL, 0x1ULL, 0x3FFULL}) {
      check(std::bit_cast<float>(static_cast<std::uint32_t>(bits + offset)));
    }
  }
}

TEST(RoundTest, F16AsTheCompiler) {
  ForFloatsNearMidpoints([](float x) { ExpectSameFloat(RoundToF16(x), SlowF16(x), x); });
}

TEST(RoundTest, BF16AsTheNearest) {
  ForFloatsNearMidpoints([](float x) { ExpectSameFloat(RoundToBF16(x), SlowBF16(x), x); });
}

TEST(RoundTest, Edges) {
  EXPECT_EQ(RoundToF16(65519.0F), 65504.0F);
  EXPECT_EQ(RoundToF16(65520.0F), std::numeric_limits<float>::infinity());
  EXPECT_EQ(RoundToF16(-1e30F), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(RoundToF16(0x1p-25F), 0.0F);  // A tie, to even.
  EXPECT_EQ(RoundToF16(0x1.8p-24F), 0x1p-23F);
  EXPECT_TRUE(std::signbit(RoundToF16(-1e-30F)));
  EXPECT_EQ(RoundToBF16(1.00390625F), 1.0F);  // A tie, to even.
  EXPECT_EQ(RoundToBF16(1.01171875F), 1.015625F);
  EXPECT_EQ(RoundToBF16(3.4e38F), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(RoundToBF16(std::bit_cast<float>(0x7F800001U))));
  EXPECT_TRUE(std::isnan(RoundToBF16(std::bit_cast<float>(0x7FFFFFFFU))));
}

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
