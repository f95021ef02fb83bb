#include "core/args/quantized_range.h"

#include <cmath>
#include <cstdint>

#include "gtest/gtest.h"

namespace calipers {
namespace {

QuantizationArgs Args(QuantizationType type, std::int64_t num_bits) {
  QuantizationArgs args;
  args.type = type;
  args.num_bits = num_bits;
  return args;
}

TEST(QuantizedRangeTest, IntegersOfNBitsHaveTwoToTheNLevels) {
  for (std::int64_t bits = 2; bits <= 16; ++bits) {
    const auto range = QuantizedRangeOf(Args(QuantizationType::kInt, bits));
    ASSERT_TRUE(range.ok()) << range.status();
    EXPECT_EQ(range->width() + 1, std::pow(2.0, static_cast<double>(bits))) << bits;
    EXPECT_EQ(range->lowest, -range->greatest - 1) << bits;
  }
}

// The greatest number of a format without infinities, in which every exponent holds numbers.
double GreatestOf(int exponent_bits, int mantissa_bits, int reserved) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int mantissa = (1 << mantissa_bits) - 1 - reserved;
  const double fraction = 1 + std::ldexp(mantissa, -mantissa_bits);
  return std::ldexp(fraction, (1 << exponent_bits) - 1 - bias);
}

TEST(QuantizedRangeTest, FloatsReachAsFarAsTheirFormat) {
  const auto greatest = [](std::int64_t bits) {
    const auto range = QuantizedRangeOf(Args(QuantizationType::kFloat, bits));
    EXPECT_TRUE(range.ok()) << range.status();
    EXPECT_EQ(range->lowest, -range->greatest);
    return range->greatest;
  };
  EXPECT_EQ(greatest(4), GreatestOf(2, 1, 0));
  EXPECT_EQ(greatest(6), GreatestOf(2, 3, 0));
  // The last mantissa of E4M3's last exponent is NaN.
  EXPECT_EQ(greatest(8), GreatestOf(4, 3, 1));
}

TEST(QuantizedRangeTest, OtherNumbersOfBitsAreRefused) {
  for (const std::int64_t bits : {-1, 0, 1, 17, 32}) {
    EXPECT_FALSE(QuantizedRangeOf(Args(QuantizationType::kInt, bits)).ok()) << bits;
  }
  for (const std::int64_t bits : {2, 3, 5, 7, 16}) {
    EXPECT_FALSE(QuantizedRangeOf(Args(QuantizationType::kFloat, bits)).ok()) << bits;
  }
  EXPECT_EQ(QuantizedRangeOf(Args(QuantizationType::kInt, 17)).status().message(),
            "num_bits 17 with type \"int\" gives no qparams (allowed: 2 to 16)");
  EXPECT_EQ(QuantizedRangeOf(Args(QuantizationType::kFloat, 5)).status().message(),
            "num_bits 5 with type \"float\" gives no qparams (allowed: 4, 6, 8)");
}

}  // namespace
}  // namespace calipers
