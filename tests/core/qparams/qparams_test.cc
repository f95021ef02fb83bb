#include "core/qparams/qparams.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/args/quantized_range.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/qparams/qparams_cases.h"
#include "tests/support/elements.h"

// scripts/parity --layer qparams compares bit for bit: reference arithmetic with PyTorch, and exact
// arithmetic with fractions. The tests here check the properties and the refusals;
// qparams_traps_test.cc checks each trap.
// "PyTorch:" marks numbers that compressed-tensors 0.20 printed.

namespace calipers {
namespace {

using calipers::testing::Calculate;
using calipers::testing::Calculated;
using calipers::testing::Float;
using calipers::testing::In;
using calipers::testing::Int;
using calipers::testing::kNan;
using calipers::testing::Packed;
using calipers::testing::RangeOf;
using calipers::testing::Refusal;
using calipers::testing::Shape;
using calipers::testing::Unpacked;
using calipers::testing::WeightsOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Dtype kFloats[] = {Dtype::kF64, Dtype::kF32, Dtype::kF16, Dtype::kBF16};

// Ranges below zero, above zero and around zero, of ordinary magnitude, without traps.
ElementRange Ordinary(Dtype dtype, std::mt19937& random, std::size_t count) {
  std::normal_distribution<double> numbers(0.0, 3.0);
  std::vector<double> min;
  std::vector<double> max;
  for (std::size_t i = 0; i < count; ++i) {
    const double a = numbers(random);
    const double b = numbers(random);
    min.push_back(std::min(a, b));
    max.push_back(std::max(a, b));
  }
  return RangeOf(dtype, min, max);
}

TEST(QParamsPropertyTest, RangeIsCoveredFromEndToEnd) {
  std::mt19937 random(1);
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    for (const Dtype dtype : {Dtype::kF32, Dtype::kF64}) {
      for (int bits = 2; bits <= 16; ++bits) {
        const ElementRange range = Ordinary(dtype, random, 50);
        for (const bool symmetric : {true, false}) {
          const QuantizationArgs args = Int(bits, symmetric);
          const QuantizedRange levels = *QuantizedRangeOf(args);
          const QParams qparams = Calculated(range, args, In(arithmetic, dtype));
          EXPECT_THAT(qparams.notes, IsEmpty());
          for (std::size_t i = 0; i < range.min.size(); ++i) {
            const double scale = qparams.scale.elements[i];
            const double zero = qparams.zero_point.elements[i];
            // 0 has its own quantized value.
            ASSERT_GE(zero, levels.lowest);
            ASSERT_LE(zero, levels.greatest);
            // Both ends are at most half a step outside the quantized range, and half a step more
            // for the rounding of the zero point. Symmetric args leave half a step free at the top.
            const double low = std::min(range.min[i], 0.0) / scale + zero;
            const double high = std::max(range.max[i], 0.0) / scale + zero;
            ASSERT_GE(low, levels.lowest - 0.51) << bits << " " << i;
            ASSERT_LE(high, levels.greatest + 0.51) << bits << " " << i;
            // No scale is larger than necessary.
            const double reach = symmetric ? 2 * std::max(-low, high) : high - low;
            ASSERT_NEAR(reach, levels.width(), 0.01) << bits << " " << i;
          }
        }
      }
    }
  }
}

TEST(QParamsPropertyTest, TheArithmeticsAgreeWhereNothingIsLost) {
  std::mt19937 random(2);
  const ElementRange range = Ordinary(Dtype::kF64, random, 500);
  for (const QuantizationArgs& args :
       {Int(8, true), Int(8, false), Int(16, false), Float(4), Float(8)}) {
    const QParams reference = Calculated(range, args, In(Arithmetic::kReference, Dtype::kF64));
    const QParams exact = Calculated(range, args, In(Arithmetic::kExact, Dtype::kF64));
    for (std::size_t i = 0; i < 500; ++i) {
      ASSERT_NEAR(reference.scale.elements[i] / exact.scale.elements[i], 1, 1e-14);
      ASSERT_EQ(reference.zero_point.elements[i], exact.zero_point.elements[i]);
    }
  }
}

TEST(QParamsPropertyTest, FactorOfTwoChangesTheScaleAlone) {
  std::mt19937 random(3);
  const ElementRange range = Ordinary(Dtype::kBF16, random, 100);
  std::vector<double> min;
  std::vector<double> max;
  for (std::size_t i = 0; i < 100; ++i) {
    min.push_back(2 * range.min[i]);
    max.push_back(2 * range.max[i]);
  }
  const ElementRange twice = RangeOf(Dtype::kBF16, min, max);
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    const auto options = In(arithmetic, Dtype::kBF16);
    const QParams once = Calculated(range, Int(8, false), options);
    const QParams doubled = Calculated(twice, Int(8, false), options);
    EXPECT_EQ(once.zero_point, doubled.zero_point);
    for (std::size_t i = 0; i < 100; ++i) {
      ASSERT_EQ(2 * once.scale.elements[i], doubled.scale.elements[i]);
    }
  }
}

TEST(QParamsPropertyTest, MxScalesArePowersOfTwoThatHoldTheRange) {
  std::mt19937 random(4);
  const ElementRange range = Ordinary(Dtype::kBF16, random, 300);
  for (const auto& [preset, greatest] :
       {std::pair("MXFP4", 6.0), {"MXFP6A16", 7.5}, {"MXFP8", 448.0}}) {
    for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
      const QParams qparams = Calculated(range, WeightsOf(preset), In(arithmetic, Dtype::kBF16));
      for (std::size_t i = 0; i < 300; ++i) {
        const double scale = qparams.scale.elements[i];
        ASSERT_EQ(scale, std::exp2(std::round(std::log2(scale))));
        // The scale steps up a little late, so absmax / scale may exceed the greatest number of the
        // element's format: in E2M1 by a factor of up to 7/6.
        const double absmax = std::max(std::fabs(range.min[i]), std::fabs(range.max[i]));
        ASSERT_LE(absmax / scale, greatest * 7 / 6) << preset;
        ASSERT_GE(absmax / scale, greatest / 2.4) << preset;
      }
    }
  }
}

TEST(QParamsTest, ReferenceArithmeticHasTheBitsOfPyTorch) {
  const Shape scalar;
  const auto zero_point = [&scalar](Dtype dtype, const Shape& shape) {
    const ElementRange range = RangeOf(dtype, {-1.3}, {2.7});
    const auto qparams =
        CalculateQParams(range, shape, Int(8, false), std::nullopt, In(Arithmetic::kReference));
    EXPECT_TRUE(qparams.ok()) << qparams.status();
    EXPECT_EQ(qparams->scale.shape, Shape{1});
    return qparams->zero_point.elements[0];
  };
  // PyTorch: the zero point of a tensor without dimensions is computed in float32.
  EXPECT_EQ(zero_point(Dtype::kBF16, scalar), -46);
  EXPECT_EQ(zero_point(Dtype::kF16, scalar), -45);
  EXPECT_EQ(zero_point(Dtype::kF32, scalar), -45);
  // PyTorch: [4.0, 2.0] / (2^9 - 1) in bfloat16, where 511 becomes 512.
  const QParams nine =
      Calculated(RangeOf(Dtype::kBF16, {-1, 0}, {2, 1}), Int(9, true), In(Arithmetic::kReference));
  EXPECT_THAT(Unpacked(nine.scale.elements), ElementsAre(0.0078125, 0.00390625));
}

TEST(QParamsTest, GlobalScalePromotes) {
  const QuantizationArgs args = WeightsOf("NVFP4");
  const auto scale = [&args](Dtype dtype, const Shape& shape) {
    const ElementRange range = RangeOf(dtype, {-1.3}, {2.7});
    return CalculateQParams(range, shape, args, 3.0F, In(Arithmetic::kReference))->scale;
  };
  // PyTorch: 2.7 / 6 * 3 in E4M3 is 1.375.
  for (const Dtype dtype : kFloats) {
    EXPECT_THAT(Unpacked(scale(dtype, {1}).elements), ElementsAre(1.375));
    EXPECT_EQ(scale(dtype, {1}).elements.dtype, dtype == Dtype::kF64 ? Dtype::kF64 : Dtype::kF32);
    EXPECT_EQ(scale(dtype, {}).elements.dtype, Dtype::kF32);
  }
}

TEST(QParamsTest, AsStoredIsOfTheModulesDtypeAndShape) {
  const ElementRange range = RangeOf(Dtype::kBF16, {-1.3}, {2.7});
  const QParams returned =
      *CalculateQParams(range, {}, WeightsOf("NVFP4"), 3.0F, In(Arithmetic::kReference));
  EXPECT_EQ(returned.zero_point.shape, Shape{});
  const QParams stored = AsStored(returned, Dtype::kBF16);
  EXPECT_EQ(stored.scale.elements.dtype, Dtype::kBF16);
  EXPECT_THAT(Unpacked(stored.scale.elements), ElementsAre(1.375));
  EXPECT_EQ(stored.zero_point.shape, Shape{1});
  EXPECT_EQ(stored.zero_point.elements.dtype, Dtype::kF8E4M3);
}

TEST(QParamsTest, ModulesScaleIsAFloatThatPyTorchComputesWith) {
  for (const Dtype dtype : kFloats) EXPECT_EQ(ModuleScaleDtype(dtype), dtype);
  for (const Dtype dtype : {Dtype::kF8E4M3, Dtype::kI8, Dtype::kI64}) {
    EXPECT_EQ(ModuleScaleDtype(dtype), Dtype::kF16);
  }
}

TEST(QParamsTest, WhatIsStoredFollowsDynamic) {
  EXPECT_EQ(WhatIsStored(WeightsOf("W8A8")), StoredQParams::kAll);
  EXPECT_EQ(WhatIsStored(*PresetScheme("W8A8")->input_activations), StoredQParams::kNone);
  EXPECT_EQ(WhatIsStored(*PresetScheme("NVFP4")->input_activations), StoredQParams::kGlobalScale);
}

TEST(GenerateGparamTest, GlobalScaleMapsAbsmaxToTheGreatestOfBothFormats) {
  const auto gparam = [](Dtype dtype, double absmax, Arithmetic arithmetic) {
    const auto scale =
        GenerateGparam(RangeOf(dtype, {-absmax}, {absmax / 2}), In(arithmetic, dtype));
    EXPECT_TRUE(scale.ok()) << scale.status();
    return scale->value;
  };
  for (const Dtype dtype : kFloats) {
    EXPECT_EQ(gparam(dtype, 2, Arithmetic::kReference), 1344) << DtypeName(dtype);
    EXPECT_EQ(gparam(dtype, 2, Arithmetic::kExact), 1344) << DtypeName(dtype);
  }
  // PyTorch: first the reciprocal is rounded, then the product.
  EXPECT_EQ(gparam(Dtype::kBF16, 0.041, Arithmetic::kReference), 65536);
  EXPECT_EQ(gparam(Dtype::kBF16, 1e-6, Arithmetic::kReference), 2701131776.0F);
  EXPECT_EQ(gparam(Dtype::kF32, 0.03, Arithmetic::kReference), 89600.0078125F);
}

TEST(FuseRangesTest, FusedRangeGivesTheLeastGlobalScale) {
  std::mt19937 random(6);
  for (const Dtype dtype : kFloats) {
    for (int i = 0; i < 100; ++i) {
      std::vector<ElementRange> members;
      float least = std::numeric_limits<float>::infinity();
      for (int member = 0; member < 3; ++member) {
        members.push_back(Ordinary(dtype, random, 4));
        const ElementRange own = *FuseRanges({members.back()});
        least = std::min(least, GenerateGparam(own, In(Arithmetic::kReference))->value);
      }
      const ElementRange fused = *FuseRanges(members);
      ASSERT_EQ(GenerateGparam(fused, In(Arithmetic::kReference))->value, least);
    }
  }
}

TEST(FuseRangesTest, NanWinsAndDtypesPromote) {
  const ElementRange one = RangeOf(Dtype::kBF16, {-1, 2}, {1, 3});
  const ElementRange two = RangeOf(Dtype::kF16, {-5}, {1});
  const ElementRange fused = *FuseRanges({one, two});
  EXPECT_EQ(fused, RangeOf(Dtype::kF32, {-5}, {5}));
  const ElementRange nan = RangeOf(Dtype::kBF16, {kNan}, {1});
  EXPECT_TRUE(std::isnan(FuseRanges({one, nan})->max[0]));
  EXPECT_EQ(FuseRanges({}).status().message(), "no ranges to fuse (allowed: 1 or more)");
  EXPECT_EQ(FuseRanges({RangeOf(Dtype::kF32, {}, {})}).status().message(),
            "a range to fuse has no elements");
}

TEST(DeriveQParamsTest, GlobalScaleBelongsToTensorGroups) {
  const ElementRange range = RangeOf(Dtype::kF32, {-1, -2}, {3, 1});
  const ElementRange global = RangeOf(Dtype::kF32, {-2}, {3});
  const Shape shape = {1, 2};
  const QParams with =
      *DeriveQParams(range, shape, global, WeightsOf("NVFP4"), In(Arithmetic::kExact));
  ASSERT_TRUE(with.global_scale);
  EXPECT_EQ(with.global_scale->shape, Shape{1});
  EXPECT_THAT(Unpacked(with.global_scale->elements), ElementsAre(896));
  EXPECT_THAT(Unpacked(with.scale.elements), ElementsAre(448, 288));  // 2 / 6 * 896 is 298.7.
  const QParams without =
      *DeriveQParams(range, shape, global, WeightsOf("W4A16"), In(Arithmetic::kExact));
  EXPECT_FALSE(without.global_scale);
}

// The refusals.

TEST(QParamsRefusalTest, ReferenceArithmeticRefusesUnsupportedArgs) {
  const ElementRange range = RangeOf(Dtype::kF16, {-1}, {1});
  const auto refusal = [&range](const QuantizationArgs& args) {
    return Refusal(Calculate(range, args, In(Arithmetic::kReference)).status(),
                   absl::StatusCode::kInvalidArgument);
  };
  QuantizationArgs args = Float(4);
  args.symmetric = false;
  EXPECT_EQ(refusal(args),
            "symmetric false cannot be given with type \"float\" and num_bits 4 (allowed with: 8)");
  args = Int(8, true);
  args.scale_dtype = Dtype::kBF16;
  EXPECT_EQ(
      refusal(args),
      "scale_dtype BF16 cannot be given in reference arithmetic with F16, which does not hold "
      "its greatest value");
  args = Int(8, true);
  args.zp_dtype = Dtype::kI32;
  EXPECT_EQ(
      refusal(args),
      "zp_dtype I32 cannot be given in reference arithmetic with F16, which does not hold its "
      "greatest value");
}

TEST(QParamsRefusalTest, RangesThatDoNotFit) {
  const auto refusal = [](const ElementRange& range, const Shape& shape, Arithmetic arithmetic) {
    return Refusal(
        CalculateQParams(range, shape, Int(8, true), std::nullopt, In(arithmetic)).status(),
        absl::StatusCode::kInvalidArgument);
  };
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    EXPECT_EQ(refusal(RangeOf(Dtype::kF32, {1, 2}, {1, 2}), {3}, arithmetic),
              "min and max have 2 and 2 elements (allowed: 3 of each)");
    EXPECT_EQ(refusal(RangeOf(Dtype::kF32, {1, 2}, {1}), {2}, arithmetic),
              "min and max have 2 and 1 elements (allowed: 2 of each)");
    EXPECT_EQ(refusal({Packed(Dtype::kF32, {1}), Packed(Dtype::kF16, {1})}, {1}, arithmetic),
              "min is F32 and max F16 (allowed: one dtype)");
  }
  EXPECT_EQ(refusal(RangeOf(Dtype::kF8E4M3, {1}, {1}), {1}, Arithmetic::kReference),
            "a range of dtype F8_E4M3 has no qparams in reference arithmetic (allowed: F64, F32, "
            "F16, BF16)");
}

TEST(QParamsRefusalTest, ExactArithmeticRefusesWhatHasNoMeaning) {
  const ElementRange range = RangeOf(Dtype::kF32, {-1}, {1});
  QuantizationArgs args = Int(8, false);
  args.zp_dtype = Dtype::kU8;
  EXPECT_EQ(Refusal(Calculate(range, args, In(Arithmetic::kExact)).status(),
                    absl::StatusCode::kInvalidArgument),
            "zp_dtype U8 does not hold the zero points of int and num_bits 8, -128 to 127");
  for (const float global_scale : {0.0F, -1.0F, HUGE_VALF}) {
    Refusal(Calculate(range, WeightsOf("NVFP4"), In(Arithmetic::kExact), global_scale).status(),
            absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Refusal(Calculate(RangeOf(Dtype::kF32, {0}, {1e8}), Int(8, true),
                              In(Arithmetic::kExact, Dtype::kF16))
                        .status(),
                    absl::StatusCode::kFailedPrecondition),
            "the scale of parameter 0, whose range is [0, 1e+08], is above what a module's "
            "scale of F16 holds");
}

}  // namespace
}  // namespace calipers
