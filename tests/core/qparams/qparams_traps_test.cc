// The traps of the reference's rules (docs/qparams.md), in both arithmetics.

#include <cmath>
#include <cstdint>
#include <string>

#include "core/qparams/qparams.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/qparams/qparams_cases.h"
#include "tests/support/elements.h"

// "PyTorch:" marks numbers that compressed-tensors 0.20 printed.

namespace calipers {
namespace {

using calipers::testing::Calculate;
using calipers::testing::Calculated;
using calipers::testing::Float;
using calipers::testing::Followed;
using calipers::testing::In;
using calipers::testing::Int;
using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::RangeOf;
using calipers::testing::Refusal;
using calipers::testing::Repaired;
using calipers::testing::Shape;
using calipers::testing::Unpacked;
using calipers::testing::WeightsOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace calipers
