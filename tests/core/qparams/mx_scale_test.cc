#include "core/qparams/mx_scale.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>

#include "core/tensor/element.h"
#include "gtest/gtest.h"
#include "tests/support/elements.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;

// The rule of the reference, on the bits of the dtype: add half a unit of the element's mantissa,
// and keep only the exponent.
double OnBits(Dtype dtype, std::uint64_t bits, int mantissa_bits, int element_mantissa_bits) {
  const std::uint64_t added = std::uint64_t{1} << (mantissa_bits - element_mantissa_bits - 1);
  const std::uint64_t power = (bits + added) >> mantissa_bits << mantissa_bits;
  std::array<std::byte, 8> element{};
  std::memcpy(element.data(), &power, sizeof(power));
  return std::log2(LoadElement(dtype, element.data()));
}

double Value(Dtype dtype, std::uint64_t bits) {
  std::array<std::byte, 8> element{};
  std::memcpy(element.data(), &bits, sizeof(bits));
  return LoadElement(dtype, element.data());
}

void ExpectAsOnBits(Dtype dtype, std::uint64_t bits, int mantissa_bits) {
  const double value = Value(dtype, bits);
  for (const auto& [num_bits, element_mantissa_bits] : {std::pair(4, 1), {6, 3}, {8, 1}}) {
    ASSERT_EQ(MxPowers(num_bits, LimitsOf(dtype)).ExponentOf(value),
              OnBits(dtype, bits, mantissa_bits, element_mantissa_bits))
        << DtypeName(dtype) << " " << value << " num_bits " << num_bits;
  }
}

TEST(MxPowersTest, EveryMagnitudeOfTheNarrowDtypes) {
  for (const auto& [dtype, mantissa_bits, infinity] :
       {std::tuple(Dtype::kBF16, 7, 0x7F80), {Dtype::kF16, 10, 0x7C00}}) {
    for (int bits = 0; bits <= infinity; ++bits) {
      ExpectAsOnBits(dtype, static_cast<std::uint64_t>(bits), mantissa_bits);
    }
  }
}

TEST(MxPowersTest, RandomMagnitudesOfTheWideDtypes) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 200'000; ++i) {
    // Every second value has only the upper mantissa bits, so it is near a step.
    const std::uint64_t mask = i % 2 == 0 ? ~std::uint64_t{0} : ~std::uint64_t{0} << 48;
    const std::uint64_t bits = random() >> 1 & mask;
    if (std::isfinite(Value(Dtype::kF64, bits))) ExpectAsOnBits(Dtype::kF64, bits, 52);
    const std::uint64_t narrow = bits >> 32;
    if (std::isfinite(Value(Dtype::kF32, narrow))) ExpectAsOnBits(Dtype::kF32, narrow, 23);
  }
}

TEST(MxPowersTest, NanIsTakenForInfinity) {
  EXPECT_EQ(MxPowers(4, LimitsOf(Dtype::kF32)).ExponentOf(kNan), kInf);
  EXPECT_EQ(MxPowers(4, LimitsOf(Dtype::kF32)).ExponentOf(kInf), kInf);
}

TEST(MxScalesTest, FloatsInGroupsOf32WithExponentsForScales) {
  QuantizationArgs args;
  args.type = QuantizationType::kFloat;
  args.strategy = Strategy::kGroup;
  args.group_size = 32;
  args.scale_dtype = Dtype::kU8;
  for (const std::int64_t bits : {4, 6, 8}) {
    args.num_bits = bits;
    EXPECT_TRUE(HasMxScales(args)) << bits;
  }
  const auto without = [&args](auto change) {
    QuantizationArgs other = args;
    change(other);
    return HasMxScales(other);
  };
  EXPECT_FALSE(without([](QuantizationArgs& a) { a.type = QuantizationType::kInt; }));
  EXPECT_FALSE(without([](QuantizationArgs& a) { a.group_size = 16; }));
  EXPECT_FALSE(without([](QuantizationArgs& a) { a.scale_dtype = Dtype::kF8E4M3; }));
  EXPECT_FALSE(without([](QuantizationArgs& a) { a.scale_dtype = std::nullopt; }));
  EXPECT_FALSE(without([](QuantizationArgs& a) { a.num_bits = 5; }));
}

TEST(MxScalesTest, ElementExponentIsThatOfTheGreatestElement) {
  for (const auto& [bits, greatest] : {std::pair(4, 6.0), {6, 7.5}, {8, 448.0}}) {
    EXPECT_EQ(MxElementExponent(bits), std::floor(std::log2(greatest)));
  }
}

}  // namespace
}  // namespace calipers
