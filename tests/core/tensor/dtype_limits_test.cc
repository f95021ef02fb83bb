#include "core/tensor/dtype_limits.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/tensor/element.h"

namespace calipers {
namespace {

double Stored(Dtype dtype, double value) {
  std::array<std::byte, 8> element{};
  StoreElement(dtype, value, element.data());
  return LoadElement(dtype, element.data());
}

bool IsNormal(Dtype dtype, double value) {
  // A normal value has the same mantissa in the next binade.
  return Stored(dtype, 2 * value * (1 + LimitsOf(dtype).epsilon)) ==
         2 * Stored(dtype, value * (1 + LimitsOf(dtype).epsilon));
}

TEST(DtypeLimitsTest, LimitsMatchEveryPatternOfNarrowDtypes) {
  for (const Dtype dtype : kAllDtypes) {
    if (ByteSize(dtype) > 2) continue;
    DtypeLimits found{.lowest = 1, .greatest = -1, .least_positive = HUGE_VAL};
    for (std::uint32_t bits = 0; bits < 1U << (8 * ByteSize(dtype)); ++bits) {
      std::array<std::byte, 4> element;
      std::memcpy(element.data(), &bits, sizeof(bits));
      const double value = LoadElement(dtype, element.data());
      if (!std::isfinite(value)) continue;
      found.lowest = std::min(found.lowest, value);
      found.greatest = std::max(found.greatest, value);
      if (value > 0) found.least_positive = std::min(found.least_positive, value);
    }
    const DtypeLimits limits = LimitsOf(dtype);
    EXPECT_EQ(limits.lowest, found.lowest) << DtypeName(dtype);
    EXPECT_EQ(limits.greatest, found.greatest) << DtypeName(dtype);
    EXPECT_EQ(limits.least_positive, found.least_positive) << DtypeName(dtype);
  }
}

TEST(DtypeLimitsTest, NothingLiesBetweenZeroAndTheLeast) {
  for (const Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const double least = LimitsOf(dtype).least_positive;
    EXPECT_EQ(Stored(dtype, least), least) << DtypeName(dtype);
    EXPECT_EQ(Stored(dtype, least / 2), 0) << DtypeName(dtype);
  }
}

TEST(DtypeLimitsTest, EpsilonIsTheStepAboveOne) {
  for (const Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const double epsilon = LimitsOf(dtype).epsilon;
    EXPECT_EQ(Stored(dtype, 1 + epsilon), 1 + epsilon) << DtypeName(dtype);
    EXPECT_EQ(Stored(dtype, 1 + epsilon / 2), 1) << DtypeName(dtype);
  }
}

TEST(DtypeLimitsTest, TheLeastNormalIsTheFirstWithAWholeMantissa) {
  for (const Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const double least = LimitsOf(dtype).least_normal;
    EXPECT_TRUE(IsNormal(dtype, least)) << DtypeName(dtype);
    EXPECT_FALSE(IsNormal(dtype, least / 2)) << DtypeName(dtype);
  }
}

TEST(DtypeLimitsTest, WideDtypesHaveTheLimitsOfTheLanguage) {
  EXPECT_EQ(LimitsOf(Dtype::kF32).greatest, 0x1.FFFFFEp127);
  EXPECT_EQ(LimitsOf(Dtype::kF64).greatest, 0x1.FFFFFFFFFFFFFp1023);
  EXPECT_EQ(LimitsOf(Dtype::kF32).lowest, -0x1.FFFFFEp127);
  EXPECT_EQ(LimitsOf(Dtype::kI32).lowest, -2147483648.0);
  EXPECT_EQ(LimitsOf(Dtype::kI32).greatest, 2147483647.0);
  EXPECT_EQ(LimitsOf(Dtype::kI64).greatest, 0x1p63);
}

}  // namespace
}  // namespace calipers
