#include "core/tensor/element.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/elements.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;

using Bits = std::array<std::byte, 8>;

Bits FromBits(std::uint64_t bits) {
  Bits element;
  std::memcpy(element.data(), &bits, sizeof(bits));
  return element;
}

std::uint64_t StoredBits(Dtype dtype, double value) {
  Bits element{};
  StoreElement(dtype, value, element.data());
  std::uint64_t bits = 0;
  std::memcpy(&bits, element.data(), sizeof(bits));
  return bits;
}

// The value of a narrow float's bits by the definition of its format.
double ByDefinition(std::uint32_t bits, int exponent_bits, int mantissa_bits, bool has_infinity) {
  const std::uint32_t mantissa = bits & ((1U << mantissa_bits) - 1);
  const int exponent = static_cast<int>((bits >> mantissa_bits) & ((1U << exponent_bits) - 1));
  const double sign = (bits >> (exponent_bits + mantissa_bits)) != 0 ? -1 : 1;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const bool top = exponent == (1 << exponent_bits) - 1;
  if (top && has_infinity) return mantissa != 0 ? kNan : sign * kInf;
  if (top && mantissa == (1U << mantissa_bits) - 1) return kNan;
  const double fraction = std::ldexp(mantissa, -mantissa_bits);
  return exponent == 0 ? sign * std::ldexp(fraction, 1 - bias)
                       : sign * std::ldexp(1 + fraction, exponent - bias);
}

struct Narrow {
  Dtype dtype;
  int exponent_bits;
  int mantissa_bits;
  bool has_infinity;

  std::uint32_t count() const { return 1U << (1 + exponent_bits + mantissa_bits); }
  double Value(std::uint32_t bits) const {
    return ByDefinition(bits, exponent_bits, mantissa_bits, has_infinity);
  }
};

class NarrowTest : public ::testing::TestWithParam<Narrow> {};

TEST_P(NarrowTest, EveryPatternLoadsByDefinitionAndStoresBack) {
  const Narrow format = GetParam();
  for (std::uint32_t bits = 0; bits < format.count(); ++bits) {
    const double value = LoadElement(format.dtype, FromBits(bits).data());
    const double expected = format.Value(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_TRUE(IsNan(format.dtype, FromBits(bits).data()));
      continue;
    }
    ASSERT_EQ(value, expected) << bits;
    ASSERT_EQ(std::signbit(value), std::signbit(expected)) << bits;
    ASSERT_EQ(IsInf(format.dtype, FromBits(bits).data()), std::isinf(expected)) << bits;
    ASSERT_EQ(StoredBits(format.dtype, value), bits);
  }
}

// The nearest of two neighbours is stored; at the midpoint, the even neighbour.
TEST_P(NarrowTest, RoundsToTheNearestAndTiesToEven) {
  const Narrow format = GetParam();
  for (std::uint32_t low = 0; low + 1 < format.count() / 2; ++low) {
    const double a = format.Value(low);
    const double b = format.Value(low + 1);
    if (!std::isfinite(a) || !std::isfinite(b)) break;
    const double middle = a + (b - a) / 2;
    const std::uint32_t even = low % 2 == 0 ? low : low + 1;
    const std::uint64_t sign = format.count() / 2;
    ASSERT_EQ(StoredBits(format.dtype, middle), even);
    ASSERT_EQ(StoredBits(format.dtype, std::nextafter(middle, 0.0)), low);
    ASSERT_EQ(StoredBits(format.dtype, std::nextafter(middle, kInf)), low + 1);
    ASSERT_EQ(StoredBits(format.dtype, -middle), sign | even);
  }
}

TEST_P(NarrowTest, OverflowsAtHalfAUnitAboveTheGreatest) {
  const Narrow format = GetParam();
  std::uint32_t greatest = format.count() / 2 - 1;
  while (!std::isfinite(format.Value(greatest))) --greatest;
  const double top = format.Value(greatest);
  const double unit = top - format.Value(greatest - 1);
  EXPECT_EQ(StoredBits(format.dtype, std::nextafter(top + unit / 2, 0.0)), greatest);
  // At the midpoint, the even neighbour again. If the greatest number is odd, this is infinity,
  // whose bits follow. For F8_E4M3 it is the greatest number, which is even.
  EXPECT_EQ(StoredBits(format.dtype, top + unit / 2), greatest + greatest % 2);
  const std::uint64_t beyond = StoredBits(format.dtype, top + unit / 2 * 1.0001);
  const double stored = LoadElement(format.dtype, FromBits(beyond).data());
  EXPECT_TRUE(format.has_infinity ? stored == kInf : std::isnan(stored)) << stored;
  // NaN has no sign, even if its bits directly follow those of the greatest number.
  const std::uint64_t sign = format.count() / 2;
  EXPECT_EQ(StoredBits(format.dtype, -(top + unit)),
            format.has_infinity ? sign | (greatest + 1) : StoredBits(format.dtype, kNan));
  const double infinite =
      LoadElement(format.dtype, FromBits(StoredBits(format.dtype, -kInf)).data());
  EXPECT_TRUE(format.has_infinity ? infinite == -kInf : std::isnan(infinite));
}

INSTANTIATE_TEST_SUITE_P(
    Formats, NarrowTest,
    ::testing::Values(Narrow{Dtype::kF16, 5, 10, true}, Narrow{Dtype::kBF16, 8, 7, true},
                      Narrow{Dtype::kF8E4M3, 4, 3, false}, Narrow{Dtype::kF8E5M2, 5, 2, true}),
    [](const auto& param_info) { return std::string(DtypeName(param_info.param.dtype)); });

// Float32 has too many patterns to test all. Tests a positive finite number, and values between it
// and the next number by definition.
void ExpectFloat32Rounds(std::uint32_t bits) {
  constexpr std::uint32_t kGreatest = 0x7F7FFFFF;
  const double value = ByDefinition(bits, 8, 23, true);
  const double next = bits == kGreatest ? 0x1p128 : ByDefinition(bits + 1, 8, 23, true);
  const double middle = value + (next - value) / 2;
  const std::uint32_t even = bits + bits % 2;
  for (const std::uint32_t sign : {0U, 0x80000000U}) {
    const auto stored = [sign](double magnitude) {
      return StoredBits(Dtype::kF32, sign != 0 ? -magnitude : magnitude);
    };
    ASSERT_EQ(stored(value), sign | bits);
    ASSERT_EQ(stored(std::nextafter(middle, 0)), sign | bits);
    ASSERT_EQ(stored(middle), sign | even) << value;
    ASSERT_EQ(stored(std::nextafter(middle, kInf)), sign | (bits + 1));
  }
}

TEST(ElementTest, Float32RoundsToTheNearestAndTiesToEven) {
  for (const std::uint32_t bits : {0U, 1U, 0x7FFFFEU, 0x7FFFFFU, 0x800000U, 0x7F7FFFFFU}) {
    ExpectFloat32Rounds(bits);
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; ++i) {
    ExpectFloat32Rounds(static_cast<std::uint32_t>(random() % 0x7F800000));
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_EQ(StoredBits(Dtype::kF32, kInf), 0x7F800000U);
  EXPECT_EQ(StoredBits(Dtype::kF32, -std::numeric_limits<double>::max()), 0xFF800000U);
}

TEST(ElementTest, NanIsCanonical) {
  const double odd_nan = std::copysign(kNan, -1.0);
  EXPECT_EQ(StoredBits(Dtype::kF64, odd_nan), 0x7FF8000000000000U);
  EXPECT_EQ(StoredBits(Dtype::kF32, odd_nan), 0x7FC00000U);
  EXPECT_EQ(StoredBits(Dtype::kF16, odd_nan), 0x7E00U);
  EXPECT_EQ(StoredBits(Dtype::kBF16, odd_nan), 0x7FC0U);
  EXPECT_EQ(StoredBits(Dtype::kF8E4M3, odd_nan), 0x7FU);
  EXPECT_EQ(StoredBits(Dtype::kF8E5M2, odd_nan), 0x7EU);
}

TEST(ElementTest, IntegersKeepTheirSignAndOrder) {
  EXPECT_EQ(LoadElement(Dtype::kI8, FromBits(0xFF).data()), -1);
  EXPECT_EQ(LoadElement(Dtype::kU8, FromBits(0xFF).data()), 255);
  EXPECT_EQ(LoadElement(Dtype::kI16, FromBits(0x8000).data()), -32768);
  EXPECT_EQ(LoadElement(Dtype::kI32, FromBits(0x80000000U).data()), -2147483648.0);
  EXPECT_EQ(LoadElement(Dtype::kI64, FromBits(std::uint64_t{1} << 63).data()), -0x1p63);
  EXPECT_FALSE(IsNan(Dtype::kI8, FromBits(0x7F).data()));
  // The values differ by one, but are equal in float64.
  const Bits a = FromBits((std::uint64_t{1} << 60) + 1);
  const Bits b = FromBits(std::uint64_t{1} << 60);
  EXPECT_GT(CompareElements(Dtype::kI64, a.data(), b.data()), 0);
  EXPECT_EQ(CompareElements(Dtype::kI64, a.data(), a.data()), 0);
}

TEST(ElementTest, NegativeZeroIsBelowPositiveZero) {
  for (Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const Bits minus = FromBits(StoredBits(dtype, -0.0));
    const Bits plus = FromBits(StoredBits(dtype, 0.0));
    EXPECT_LT(CompareElements(dtype, minus.data(), plus.data()), 0) << DtypeName(dtype);
    EXPECT_GT(CompareElements(dtype, plus.data(), minus.data()), 0) << DtypeName(dtype);
  }
}

}  // namespace
}  // namespace calipers
