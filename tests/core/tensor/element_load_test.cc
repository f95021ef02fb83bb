#include "core/tensor/element_load.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace calipers {
namespace {

// The value of an element by the definition of its dtype, computed from sign, exponent and
// mantissa.
double Decode(Dtype dtype, std::uint64_t bits) {
  struct Layout {
    int exponent_bits;
    int mantissa_bits;
  };
  const auto layout = [dtype]() -> Layout {
    switch (dtype) {
      case Dtype::kF64:
        return {11, 52};
      case Dtype::kF32:
        return {8, 23};
      case Dtype::kF16:
        return {5, 10};
      case Dtype::kBF16:
        return {8, 7};
      case Dtype::kF8E4M3:
        return {4, 3};
      case Dtype::kF8E5M2:
        return {5, 2};
      default:
        return {0, 0};
    }
  }();
  if (layout.exponent_bits == 0) {
    const int width = 8 * static_cast<int>(ByteSize(dtype));
    const bool negative = dtype != Dtype::kU8 && (bits >> (width - 1) & 1) != 0;
    const std::uint64_t rest = width == 64 ? 0 : ~std::uint64_t{0} << width;
    return static_cast<double>(static_cast<std::int64_t>(negative ? bits | rest : bits));
  }
  const std::uint64_t mantissa = bits & ((std::uint64_t{1} << layout.mantissa_bits) - 1);
  const int last_exponent = (1 << layout.exponent_bits) - 1;
  const int exponent = static_cast<int>(bits >> layout.mantissa_bits) & last_exponent;
  const bool negative = (bits >> (layout.mantissa_bits + layout.exponent_bits)) != 0;
  const int unit = 1 - last_exponent / 2 - layout.mantissa_bits;
  double magnitude =
      exponent == 0
          ? std::ldexp(static_cast<double>(mantissa), unit)
          : std::ldexp(static_cast<double>(mantissa + (std::uint64_t{1} << layout.mantissa_bits)),
                       unit + exponent - 1);
  if (dtype == Dtype::kF8E4M3) {
    if (exponent == 15 && mantissa == 7) magnitude = std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == last_exponent) {
    magnitude = mantissa == 0 ? std::numeric_limits<double>::infinity()
                              : std::numeric_limits<double>::quiet_NaN();
  }
  return negative ? -magnitude : magnitude;
}

class ElementLoadTest : public ::testing::TestWithParam<Dtype> {};

INSTANTIATE_TEST_SUITE_P(EveryDtype, ElementLoadTest, ::testing::ValuesIn(kAllDtypes),
                         [](const auto& test) { return std::string(DtypeName(test.param)); });

TEST_P(ElementLoadTest, VisitsItsDtype) {
  int calls = 0;
  VisitDtype(GetParam(), [&](auto dtype) {
    ++calls;
    EXPECT_EQ(dtype(), GetParam());
    EXPECT_EQ(kElementBytes<dtype()>, ByteSize(GetParam()));
  });
  EXPECT_EQ(calls, 1);
}

// All bit patterns of dtypes of up to 16 bits. For wider dtypes, all patterns of the upper 16 bits
// with three fillings of the rest. At an odd address, because elements need not be aligned.
TEST_P(ElementLoadTest, AgreesWithTheDefinition) {
  const std::size_t size = ByteSize(GetParam());
  for (const unsigned filling : {0x00U, 0x55U, 0xFFU}) {
    for (unsigned upper = 0; upper < 0x10000U; ++upper) {
      std::vector<std::byte> bytes(9, std::byte(filling));
      bytes[size] = std::byte(upper >> 8);
      if (size > 1) bytes[size - 1] = std::byte(upper & 0xFF);
      std::uint64_t bits = 0;
      for (std::size_t i = size; i > 0; --i) bits = bits << 8 | std::to_integer<unsigned>(bytes[i]);

      const double expected = Decode(GetParam(), bits);
      double actual = 0.0;
      VisitDtype(GetParam(), [&](auto dtype) {
        actual = static_cast<double>(LoadExactly<dtype()>(bytes.data() + 1));
      });
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(actual)) << bits;
      } else {
        ASSERT_EQ(actual, expected) << bits;
        ASSERT_EQ(std::signbit(actual), std::signbit(expected)) << bits;
      }
    }
  }
}

TEST(ElementLoadExactTest, Int64KeepsEveryBit) {
  const std::int64_t value = std::numeric_limits<std::int64_t>::max() - 1;
  EXPECT_EQ(LoadExactly<Dtype::kI64>(reinterpret_cast<const std::byte*>(&value)), value);
}

}  // namespace
}  // namespace calipers
