#include "core/qparams/qparams.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/args/preset_schemes.h"
#include "core/args/quantized_range.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/elements.h"

// scripts/parity --layer qparams compares bit for bit: reference arithmetic with PyTorch, and exact
// arithmetic with fractions. The tests here check the properties, each trap, and the refusals.
// "PyTorch:" marks numbers that compressed-tensors 0.20 printed.

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::Packed;
using calipers::testing::Unpacked;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Shape = std::vector<std::int64_t>;

constexpr Dtype kFloats[] = {Dtype::kF64, Dtype::kF32, Dtype::kF16, Dtype::kBF16};

ElementRange RangeOf(Dtype dtype, const std::vector<double>& min, const std::vector<double>& max) {
  return {Packed(dtype, min), Packed(dtype, max)};
}

QuantizationArgs Int(std::int64_t num_bits, bool symmetric) {
  QuantizationArgs args;
  args.num_bits = num_bits;
  args.symmetric = symmetric;
  return args;
}

QuantizationArgs Float(std::int64_t num_bits) {
  QuantizationArgs args;
  args.num_bits = num_bits;
  args.type = QuantizationType::kFloat;
  return args;
}

QuantizationArgs WeightsOf(absl::string_view preset) { return *PresetScheme(preset)->weights; }

constexpr QParamsOptions In(Arithmetic arithmetic, Dtype observed = Dtype::kF32) {
  return {.arithmetic = arithmetic, .observed_dtype = observed};
}

// The qparams of a range with one dimension.
absl::StatusOr<QParams> Calculate(const ElementRange& range, const QuantizationArgs& args,
                                  const QParamsOptions& options,
                                  std::optional<float> global_scale = {}) {
  const Shape shape = {static_cast<std::int64_t>(range.min.size())};
  return CalculateQParams(range, shape, args, global_scale, options);
}

QParams Calculated(const ElementRange& range, const QuantizationArgs& args,
                   const QParamsOptions& options, std::optional<float> global_scale = {}) {
  const auto qparams = Calculate(range, args, options, global_scale);
  EXPECT_TRUE(qparams.ok()) << qparams.status();
  return qparams.value_or(QParams());
}

std::string Refusal(const absl::Status& status, absl::StatusCode code) {
  EXPECT_EQ(status.code(), code) << status;
  return std::string(status.message());
}

std::vector<QParamsTrap> Followed(const std::vector<QParamsNote>& notes) {
  std::vector<QParamsTrap> traps;
  for (const QParamsNote& note : notes) {
    if (note.outcome == TrapOutcome::kFollowed) traps.push_back(note.trap);
  }
  return traps;
}

std::vector<QParamsTrap> Repaired(const std::vector<QParamsNote>& notes) {
  std::vector<QParamsTrap> traps;
  for (const QParamsNote& note : notes) {
    if (note.outcome == TrapOutcome::kRepaired) traps.push_back(note.trap);
  }
  return traps;
}

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

// The traps: first in reference arithmetic, then in exact arithmetic.

TEST(QParamsTrapTest, ZeroRangeHasAnEpsilonByTheScalesDtype) {
  const auto scale = [](QuantizationArgs args, std::optional<Dtype> scale_dtype, Dtype dtype,
                        Arithmetic arithmetic) {
    args.scale_dtype = scale_dtype;
    const QParams qparams = Calculated(RangeOf(dtype, {0}, {-0.0}), args, In(arithmetic, dtype));
    EXPECT_THAT(Followed(qparams.notes), ElementsAre(QParamsTrap::kZeroRange));
    return qparams.scale.elements[0];
  };
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    EXPECT_EQ(scale(Int(8, true), {}, Dtype::kF32, arithmetic), 0x1p-23);
    EXPECT_EQ(scale(Int(8, true), {}, Dtype::kBF16, arithmetic), 0x1p-7);
    EXPECT_EQ(scale(Int(8, true), {}, Dtype::kF16, arithmetic), 0x1p-10);
    EXPECT_EQ(scale(Float(4), Dtype::kF8E4M3, Dtype::kBF16, arithmetic), 0.125);
    EXPECT_EQ(scale(Float(8), Dtype::kU8, Dtype::kBF16, arithmetic), 1);
  }
}

TEST(QParamsTrapTest, ScaleUnderflowBecomesTheEpsilonInReferenceArithmetic) {
  const ElementRange tiny = RangeOf(Dtype::kF16, {-0x1p-20}, {0});
  const QParams reference = Calculated(tiny, Int(8, true), In(Arithmetic::kReference));
  EXPECT_EQ(reference.scale.elements[0], 0x1p-10);
  EXPECT_THAT(Followed(reference.notes), ElementsAre(QParamsTrap::kScaleUnderflow));
  const QParams exact = Calculated(tiny, Int(8, true), In(Arithmetic::kExact, Dtype::kF16));
  EXPECT_EQ(exact.scale.elements[0], 0x1p-24);
  EXPECT_THAT(Repaired(exact.notes), ElementsAre(QParamsTrap::kScaleUnderflow));
}

TEST(QParamsTrapTest, ScaleAboveItsDtypeSaturates) {
  QuantizationArgs args = Float(4);
  args.scale_dtype = Dtype::kF8E4M3;
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    const QParams qparams = Calculated(RangeOf(Dtype::kF32, {0}, {6000}), args, In(arithmetic));
    EXPECT_EQ(qparams.scale.elements[0], 448);
    EXPECT_THAT(Followed(qparams.notes), ElementsAre(QParamsTrap::kScaleSaturated));
  }
}

TEST(QParamsTrapTest, ScaleThatRoundsToTheGreatestOfItsDtypeMetNoTrap) {
  QuantizationArgs args = Float(4);
  args.scale_dtype = Dtype::kF8E4M3;
  // Halfway from 448 to the number that would be next in E4M3, and the first float32 above it.
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    const QParams below = Calculated(RangeOf(Dtype::kF32, {0}, {464 * 6}), args, In(arithmetic));
    EXPECT_EQ(below.scale.elements[0], 448);
    EXPECT_THAT(below.notes, IsEmpty());
    const QParams beyond =
        Calculated(RangeOf(Dtype::kF32, {0}, {464.001 * 6}), args, In(arithmetic));
    EXPECT_EQ(beyond.scale.elements[0], 448);
    EXPECT_THAT(Followed(beyond.notes), ElementsAre(QParamsTrap::kScaleSaturated));
  }
}

TEST(QParamsTrapTest, LargestGroupOfAnNvfp4TensorMeetsNoTrap) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> reach(0.01, 1);
  for (int i = 0; i < 200; ++i) {
    const ElementRange range = RangeOf(Dtype::kF32, {0}, {reach(random)});
    for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
      const auto qparams =
          DeriveQParams(range, Shape{1}, range, WeightsOf("NVFP4"), In(arithmetic));
      ASSERT_TRUE(qparams.ok()) << qparams.status();
      EXPECT_EQ(qparams->scale.elements[0], 448);
      EXPECT_THAT(qparams->notes, IsEmpty());
    }
  }
}

TEST(QParamsTrapTest, ScaleAboveTheGreatestInt32Wraps) {
  QuantizationArgs args = Int(8, true);
  args.scale_dtype = Dtype::kI32;
  // In float32, 2^31 - 1 becomes 2^31. PyTorch clamps to this value before the cast.
  const QParams reference =
      Calculated(RangeOf(Dtype::kF32, {0}, {1e15}), args, In(Arithmetic::kReference));
  EXPECT_EQ(reference.scale.elements[0], -0x1p31);
}

TEST(QParamsTrapTest, NanAndInfinityGiveNoScale) {
  for (const double bad : {kNan, kInf}) {
    const ElementRange range = RangeOf(Dtype::kF32, {-1, -1}, {1, bad});
    const QParams reference = Calculated(range, Int(8, true), In(Arithmetic::kReference));
    EXPECT_FALSE(std::isfinite(reference.scale.elements[1]));
    EXPECT_THAT(reference.notes, ElementsAre(QParamsNote{QParamsTrap::kScaleNotFinite,
                                                         TrapOutcome::kFollowed, 1, 1}));
    EXPECT_EQ(Refusal(Calculate(range, Int(8, true), In(Arithmetic::kExact)).status(),
                      absl::StatusCode::kFailedPrecondition),
              "the range of parameter 1 is [-1, " + std::string(std::isnan(bad) ? "nan" : "inf") +
                  "]: no scale covers it (leave out the records that hold NaN or infinity, or ask "
                  "in reference arithmetic)");
  }
}

// PyTorch folds tensors of integers in float32, and a module's scale of them is float16.
TEST(QParamsTrapTest, ScaleThatTheModuleCannotHold) {
  const ElementRange range = RangeOf(Dtype::kF32, {-1, -1e7, -1e-9, 0}, {1, 1e7, 1e-9, 0});
  const QParams stored =
      AsStored(Calculated(range, Int(8, true), In(Arithmetic::kReference)), Dtype::kI32);
  EXPECT_EQ(stored.scale.elements.dtype, Dtype::kF16);
  EXPECT_EQ(stored.scale.elements[1], kInf);
  EXPECT_EQ(stored.scale.elements[2], 0);
  EXPECT_THAT(
      stored.notes,
      ElementsAre(QParamsNote{QParamsTrap::kZeroRange, TrapOutcome::kFollowed, 1, 3},
                  QParamsNote{QParamsTrap::kStoredScaleNotFinite, TrapOutcome::kFollowed, 1, 1},
                  QParamsNote{QParamsTrap::kStoredScaleZero, TrapOutcome::kFollowed, 1, 2}));
  // A scale that was infinite before has its own note alone.
  const QParams infinite = AsStored(
      Calculated(RangeOf(Dtype::kF32, {0}, {kInf}), Int(8, true), In(Arithmetic::kReference)),
      Dtype::kI32);
  EXPECT_THAT(Followed(infinite.notes), ElementsAre(QParamsTrap::kScaleNotFinite));
}

TEST(QParamsTrapTest, GlobalScaleOfAZeroRangeIsOne) {
  const ElementRange zero = RangeOf(Dtype::kF32, {0}, {0});
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    const QParams qparams =
        *DeriveQParams(zero, Shape{1}, zero, WeightsOf("NVFP4"), In(arithmetic));
    EXPECT_THAT(Unpacked(qparams.global_scale->elements), ElementsAre(1));
    EXPECT_THAT(Followed(qparams.notes),
                ElementsAre(QParamsTrap::kGlobalScaleZeroRange, QParamsTrap::kZeroRange));
  }
}

TEST(QParamsTrapTest, ZeroPointOfAZeroRangeIsUndefined) {
  const ElementRange zero = RangeOf(Dtype::kF32, {0}, {0});
  const QParams reference = Calculated(zero, Int(8, false), In(Arithmetic::kReference));
  EXPECT_EQ(reference.zero_point.elements[0], 0);
  EXPECT_THAT(Followed(reference.notes),
              ElementsAre(QParamsTrap::kZeroPointUndefined, QParamsTrap::kZeroRange));
  const QParams exact = Calculated(zero, Int(8, false), In(Arithmetic::kExact));
  EXPECT_EQ(exact.zero_point.elements[0], -128);
  EXPECT_THAT(Repaired(exact.notes), ElementsAre(QParamsTrap::kZeroPointUndefined));
}

TEST(QParamsTrapTest, TheGreatestZeroPointOf16BitsWraps) {
  const ElementRange below = RangeOf(Dtype::kBF16, {-4}, {0});
  const QParams reference = Calculated(below, Int(16, false), In(Arithmetic::kReference));
  EXPECT_EQ(reference.zero_point.elements[0], -32768);
  EXPECT_THAT(Followed(reference.notes), ElementsAre(QParamsTrap::kZeroPointWrapped));
  const QParams exact = Calculated(below, Int(16, false), In(Arithmetic::kExact, Dtype::kBF16));
  EXPECT_EQ(exact.zero_point.elements[0], 32767);
  EXPECT_THAT(Repaired(exact.notes), ElementsAre(QParamsTrap::kZeroPointWrapped));
}

TEST(QParamsTrapTest, SixteenBitLevelsOverflowFloat16) {
  const ElementRange range = RangeOf(Dtype::kF16, {-1}, {2});
  const QParams reference = Calculated(range, Int(16, true), In(Arithmetic::kReference));
  EXPECT_EQ(reference.scale.elements[0], 0x1p-10);
  EXPECT_THAT(Followed(reference.notes),
              ElementsAre(QParamsTrap::kScaleUnderflow, QParamsTrap::kLevelsOverflow));
  const QParams exact = Calculated(range, Int(16, true), In(Arithmetic::kExact, Dtype::kF16));
  EXPECT_NEAR(exact.scale.elements[0], 4.0 / 65535, 1e-7);
  EXPECT_THAT(Repaired(exact.notes), ElementsAre(QParamsTrap::kLevelsOverflow));
}

TEST(QParamsTrapTest, MxScaleOverflowsNearTheGreatestFloat16) {
  const ElementRange top = RangeOf(Dtype::kF16, {0}, {60000});
  const QParams reference = Calculated(top, WeightsOf("MXFP4"), In(Arithmetic::kReference));
  EXPECT_EQ(reference.scale.elements[0], kInf);
  EXPECT_THAT(Followed(reference.notes),
              ElementsAre(QParamsTrap::kMxOverflow, QParamsTrap::kScaleNotFinite));
  const QParams exact = Calculated(top, WeightsOf("MXFP4"), In(Arithmetic::kExact, Dtype::kF16));
  EXPECT_EQ(exact.scale.elements[0], 16384);
  EXPECT_THAT(Repaired(exact.notes), ElementsAre(QParamsTrap::kMxOverflow));
}

TEST(QParamsTrapTest, ExactArithmeticRefusesMxScalesThatAreNotExponents) {
  QuantizationArgs args = WeightsOf("MXFP8");
  args.symmetric = false;
  args.zp_dtype = Dtype::kF8E4M3;
  const ElementRange range = RangeOf(Dtype::kF32, {-1}, {400});
  const QParams reference = Calculated(range, args, In(Arithmetic::kReference));
  EXPECT_EQ(reference.scale.elements[0], 0x1p-127);
  EXPECT_THAT(Followed(reference.notes), ElementsAre(QParamsTrap::kMxNotExponents));
  EXPECT_EQ(Refusal(Calculate(range, args, In(Arithmetic::kExact)).status(),
                    absl::StatusCode::kInvalidArgument),
            "symmetric false cannot be given with MX scales (float, group_size 32, scale_dtype "
            "U8), which are exponents");
  EXPECT_EQ(Refusal(Calculate(range, WeightsOf("MXFP8"), In(Arithmetic::kExact), 2.0F).status(),
                    absl::StatusCode::kInvalidArgument),
            "a global scale cannot be given with MX scales (float, group_size 32, scale_dtype U8), "
            "which are exponents");
}

TEST(QParamsTrapTest, InfiniteRangeHasAGlobalScaleOfZero) {
  const ElementRange range = RangeOf(Dtype::kF32, {-kInf}, {1});
  const GlobalScale reference = *GenerateGparam(range, In(Arithmetic::kReference));
  EXPECT_EQ(reference.value, 0);
  EXPECT_THAT(Followed(reference.notes), ElementsAre(QParamsTrap::kGlobalScaleZero));
  Refusal(GenerateGparam(range, In(Arithmetic::kExact)).status(),
          absl::StatusCode::kFailedPrecondition);
}

TEST(QParamsTrapTest, Float16OverflowsTheGlobalScaleOfASmallRange) {
  const ElementRange small = RangeOf(Dtype::kF16, {-0.04}, {0.02});
  const GlobalScale reference = *GenerateGparam(small, In(Arithmetic::kReference));
  EXPECT_EQ(reference.value, 1);
  EXPECT_THAT(Followed(reference.notes), ElementsAre(QParamsTrap::kGlobalScaleReset));
  const GlobalScale exact = *GenerateGparam(small, In(Arithmetic::kExact, Dtype::kF16));
  EXPECT_EQ(exact.value, static_cast<float>(2688 / -small.min[0]));
  EXPECT_THAT(Repaired(exact.notes), ElementsAre(QParamsTrap::kGlobalScaleReset));
}

TEST(QParamsTrapTest, NanAndTinyRangesHaveAGlobalScaleOfOne) {
  const auto nan = GenerateGparam(RangeOf(Dtype::kBF16, {kNan}, {1}), In(Arithmetic::kReference));
  EXPECT_EQ(nan->value, 1);
  EXPECT_THAT(Followed(nan->notes), ElementsAre(QParamsTrap::kGlobalScaleReset));
  const ElementRange tiny = RangeOf(Dtype::kF32, {0}, {1e-37});
  for (const Arithmetic arithmetic : {Arithmetic::kReference, Arithmetic::kExact}) {
    const GlobalScale scale = *GenerateGparam(tiny, In(arithmetic));
    EXPECT_EQ(scale.value, 1);
    EXPECT_THAT(Followed(scale.notes), ElementsAre(QParamsTrap::kGlobalScaleReset));
  }
  const GlobalScale wide =
      *GenerateGparam(RangeOf(Dtype::kF64, {0}, {1e-40}), In(Arithmetic::kReference));
  EXPECT_EQ(wide.value, kInf);
  EXPECT_THAT(Followed(wide.notes), ElementsAre(QParamsTrap::kGlobalScaleNotFinite));
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
