#include "core/qparams/torch_float.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "core/tensor/dtype_limits.h"
#include "core/tensor/element.h"
#include "gtest/gtest.h"
#include "tests/support/elements.h"

namespace calipers {
namespace {

using calipers::testing::kNan;

// Rounds with the encoding that all dtypes share. It works on the value, not on the bits.
double Stored(Dtype dtype, double value) {
  std::array<std::byte, 8> element{};
  StoreElement(dtype, value, element.data());
  return LoadElement(dtype, element.data());
}

// Floats of every exponent, the midpoints between neighbours in `dtype`, and the floats beside
// them.
std::vector<float> Awkward(Dtype dtype) {
  std::vector<float> found = {0.0F, -0.0F};
  std::mt19937 random(11);
  for (int i = 0; i < 200'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(value)) found.push_back(value);
  }
  for (std::uint32_t bits = 0; bits < 1U << (8 * ByteSize(dtype)); ++bits) {
    std::array<std::byte, 4> low;
    std::array<std::byte, 4> high;
    const std::uint32_t next = bits + 1;
    std::memcpy(low.data(), &bits, 4);
    std::memcpy(high.data(), &next, 4);
    const double middle = (LoadElement(dtype, low.data()) + LoadElement(dtype, high.data())) / 2;
    if (!std::isfinite(middle)) continue;
    const auto tie = static_cast<float>(middle);
    found.insert(found.end(), {tie, std::nextafter(tie, 0.0F), std::nextafter(tie, HUGE_VALF)});
  }
  return found;
}

class NarrowCastTest : public ::testing::TestWithParam<Dtype> {};

TEST_P(NarrowCastTest, RoundsAsTheDtypeIsEncoded) {
  const Dtype dtype = GetParam();
  const double greatest = LimitsOf(dtype).greatest;
  for (const float value : Awkward(dtype)) {
    if (IsFloat8(dtype) && std::fabs(value) > greatest) continue;
    const double cast = TorchCast(dtype, value);
    ASSERT_EQ(cast, Stored(dtype, value)) << value;
    ASSERT_EQ(std::signbit(cast), std::signbit(value)) << value;
  }
  EXPECT_TRUE(std::isnan(TorchCast(dtype, std::numeric_limits<double>::quiet_NaN())));
}

INSTANTIATE_TEST_SUITE_P(Floats, NarrowCastTest,
                         ::testing::Values(Dtype::kBF16, Dtype::kF16, Dtype::kF8E4M3,
                                           Dtype::kF8E5M2));

TEST(TorchCastTest, RoundsThroughFloat32) {
  // The value is just above the midpoint of two neighbours. In float32 it becomes the midpoint,
  // which rounds to even.
  EXPECT_EQ(TorchCast(Dtype::kBF16, 1 + 0x1p-8 + 0x1p-40), 1);
  EXPECT_EQ(TorchCast(Dtype::kF8E4M3, 1 + 0x1p-4 + 0x1p-40), 1);
  EXPECT_EQ(TorchCast(Dtype::kF64, 1 + 0x1p-40), 1 + 0x1p-40);
}

TEST(TorchCastTest, IntegersWrapLikeX86) {
  EXPECT_EQ(TorchCast(Dtype::kI8, -128), -128);
  EXPECT_EQ(TorchCast(Dtype::kI8, kNan), 0);
  EXPECT_EQ(TorchCast(Dtype::kU8, kNan), 0);
  EXPECT_EQ(TorchCast(Dtype::kI16, kNan), 0);
  EXPECT_EQ(TorchCast(Dtype::kI16, 32767), 32767);
  EXPECT_EQ(TorchCast(Dtype::kI16, 32768), -32768);
  EXPECT_EQ(TorchCast(Dtype::kI32, kNan), -0x1p31);
  EXPECT_EQ(TorchCast(Dtype::kI32, 0x1p31), -0x1p31);
  EXPECT_EQ(TorchCast(Dtype::kI32, 0x1p31 - 1), 0x1p31 - 1);
  EXPECT_EQ(TorchCast(Dtype::kI64, 0x1p63), -0x1p63);
  EXPECT_EQ(TorchCast(Dtype::kI64, 0x1p62), 0x1p62);
}

TEST(PromoteTest, GivesTheNarrowestDtypeThatHoldsBoth) {
  EXPECT_EQ(Promote(Dtype::kBF16, Dtype::kBF16), Dtype::kBF16);
  EXPECT_EQ(Promote(Dtype::kBF16, Dtype::kF16), Dtype::kF32);
  EXPECT_EQ(Promote(Dtype::kF16, Dtype::kF32), Dtype::kF32);
  EXPECT_EQ(Promote(Dtype::kF64, Dtype::kBF16), Dtype::kF64);
}

}  // namespace
}  // namespace calipers
