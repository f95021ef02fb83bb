#include "core/args/quantization_args.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace calipers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string RefusalOf(const QuantizationArgsInput& input) {
  const auto args = ResolveQuantizationArgs(input);
  if (args.ok()) return "accepted";
  EXPECT_EQ(args.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(args.status().message());
}

QuantizationArgs Resolved(const QuantizationArgsInput& input) {
  const auto args = ResolveQuantizationArgs(input);
  EXPECT_TRUE(args.ok()) << args.status();
  return args.value_or(QuantizationArgs());
}

TEST(StrategyTest, NamesEqualThoseOfCompressedTensors) {
  EXPECT_EQ(StrategyName(Strategy::kTensor), "tensor");
  EXPECT_EQ(StrategyName(Strategy::kChannel), "channel");
  EXPECT_EQ(StrategyName(Strategy::kGroup), "group");
  EXPECT_EQ(StrategyName(Strategy::kBlock), "block");
  EXPECT_EQ(StrategyName(Strategy::kToken), "token");
  EXPECT_EQ(StrategyName(Strategy::kTensorGroup), "tensor_group");
  EXPECT_EQ(StrategyName(Strategy::kAttnHead), "attn_head");
}

TEST(StrategyTest, ParsesItsOwnNamesAlone) {
  for (const Strategy strategy : kAllStrategies) {
    const auto parsed = ParseStrategy(StrategyName(strategy));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, strategy);
  }
  EXPECT_EQ(ParseStrategy("row").status().message(),
            "strategy \"row\" is not known (allowed: tensor, channel, group, block, token, "
            "tensor_group, attn_head)");
  EXPECT_FALSE(ParseStrategy("").ok());
  EXPECT_FALSE(ParseStrategy("Tensor").ok());
}

TEST(QuantizationArgsTest, Defaults) {
  const QuantizationArgs args = Resolved({});
  EXPECT_EQ(args.strategy, Strategy::kTensor);
  EXPECT_EQ(args.group_size, std::nullopt);
  EXPECT_THAT(args.block_structure, IsEmpty());
  EXPECT_EQ(args.observer, "minmax");
  EXPECT_EQ(args.averaging_constant, 0.01);
}

TEST(QuantizationArgsTest, KeepsWhatWasGiven) {
  const QuantizationArgs group = Resolved({.strategy = Strategy::kTensorGroup,
                                           .group_size = 16,
                                           .observer = "static_minmax",
                                           .averaging_constant = 0.5});
  EXPECT_EQ(group.strategy, Strategy::kTensorGroup);
  EXPECT_EQ(group.group_size, 16);
  EXPECT_EQ(group.observer, "static_minmax");
  EXPECT_EQ(group.averaging_constant, 0.5);

  const QuantizationArgs block =
      Resolved({.strategy = Strategy::kBlock, .block_structure = {128, 64}});
  EXPECT_THAT(block.block_structure, ElementsAre(128, 64));
}

TEST(QuantizationArgsTest, InfersTheStrategyFromTheGroupSize) {
  const QuantizationArgs group = Resolved({.group_size = 128});
  EXPECT_EQ(group.strategy, Strategy::kGroup);
  EXPECT_EQ(group.group_size, 128);

  const QuantizationArgs channel = Resolved({.group_size = -1});
  EXPECT_EQ(channel.strategy, Strategy::kChannel);
  EXPECT_EQ(channel.group_size, std::nullopt);

  EXPECT_EQ(RefusalOf({.group_size = 0}),
            "group_size 0 names no strategy (allowed: above 0 for strategy \"group\", -1 for "
            "\"channel\")");
}

TEST(QuantizationArgsTest, RefusesAGroupSizeBelowMinusOne) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(RefusalOf({.group_size = -2}),
            "group_size -2 is not known (allowed: above 0 for strategy \"group\", -1 for "
            "\"channel\")");
  for (const Strategy strategy : kAllStrategies) {
    EXPECT_NE(RefusalOf({.strategy = strategy, .group_size = kLowest, .block_structure = {1, 1}}),
              "accepted");
  }
}

TEST(QuantizationArgsTest, GroupStrategiesNeedAPositiveGroupSize) {
  for (const Strategy strategy : {Strategy::kGroup, Strategy::kTensorGroup}) {
    const std::string needs =
        "strategy \"" + std::string(StrategyName(strategy)) + "\" requires a group_size above 0, ";
    EXPECT_EQ(RefusalOf({.strategy = strategy}), needs + "none was given");
    EXPECT_EQ(RefusalOf({.strategy = strategy, .group_size = 0}), needs + "given 0");
    EXPECT_EQ(RefusalOf({.strategy = strategy, .group_size = -1}), needs + "given -1");
    EXPECT_EQ(RefusalOf({.strategy = strategy, .group_size = 1}), "accepted");
  }
}

TEST(QuantizationArgsTest, OtherStrategiesTakeNoGroupSize) {
  for (const Strategy strategy : {Strategy::kTensor, Strategy::kChannel, Strategy::kToken,
                                  Strategy::kAttnHead, Strategy::kBlock}) {
    QuantizationArgsInput input{.strategy = strategy};
    if (strategy == Strategy::kBlock) input.block_structure = {2, 2};
    input.group_size = 32;
    EXPECT_EQ(RefusalOf(input), "group_size 32 cannot be given with strategy \"" +
                                    std::string(StrategyName(strategy)) +
                                    "\" (allowed with: group, tensor_group)");
    // The reference accepts group sizes that ask for no groups.
    for (const std::int64_t none : {-1, 0}) {
      input.group_size = none;
      EXPECT_EQ(Resolved(input).group_size, std::nullopt);
    }
  }
}

TEST(QuantizationArgsTest, BlockNeedsTwoPositiveSides) {
  const std::string needs =
      "strategy \"block\" requires a block_structure [height, width], both above 0, ";
  const auto refusal = [](std::vector<std::int64_t> structure) {
    return RefusalOf({.strategy = Strategy::kBlock, .block_structure = std::move(structure)});
  };
  EXPECT_EQ(refusal({}), needs + "none was given");
  EXPECT_EQ(refusal({128}), needs + "given [128]");
  EXPECT_EQ(refusal({1, 2, 3}), needs + "given [1, 2, 3]");
  EXPECT_EQ(refusal({0, 128}), needs + "given [0, 128]");
  EXPECT_EQ(refusal({128, -1}), needs + "given [128, -1]");
}

TEST(QuantizationArgsTest, OthersTakeNoBlockStructure) {
  EXPECT_EQ(RefusalOf({.block_structure = {128, 128}}),
            "block_structure [128, 128] cannot be given with strategy \"tensor\" (allowed with: "
            "block)");
  EXPECT_EQ(RefusalOf({.strategy = Strategy::kChannel, .block_structure = {0}}),
            "block_structure [0] cannot be given with strategy \"channel\" (allowed with: block)");
}

TEST(QuantizationArgsTest, RefusesAnUnknownObserver) {
  EXPECT_EQ(RefusalOf({.observer = "mse"}),
            "observer \"mse\" is not known (allowed: memoryless_minmax, minmax, static_minmax)");
}

TEST(QuantizationArgsTest, TheConstantIsAFraction) {
  for (const double constant : {0.0, 5e-324, 0.01, 1.0}) {
    EXPECT_EQ(Resolved({.averaging_constant = constant}).averaging_constant, constant);
  }
  EXPECT_EQ(RefusalOf({.averaging_constant = 1.5}), "averaging_constant 1.5 is not in [0, 1]");
  EXPECT_EQ(RefusalOf({.averaging_constant = std::nan("")}),
            "averaging_constant nan is not in [0, 1]");
  for (const double constant : {-5e-324, -1.0, 1.0000000000000002, HUGE_VAL, -HUGE_VAL}) {
    EXPECT_NE(RefusalOf({.averaging_constant = constant}), "accepted") << constant;
  }
}

std::string CheckRefusal(const QuantizationArgsInput& input) {
  const auto args = CheckQuantizationArgs(input);
  if (args.ok()) return "accepted";
  EXPECT_EQ(args.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(args.status().message());
}

TEST(CheckQuantizationArgsTest, KeepsTheObserverAsGiven) {
  for (const char* observer : {"", "mse", "static_minmax"}) {
    const auto args = CheckQuantizationArgs({.observer = observer});
    ASSERT_TRUE(args.ok()) << args.status();
    EXPECT_EQ(args->observer, observer);
  }
}

TEST(CheckQuantizationArgsTest, KeepsGroupSizeMinusOne) {
  const auto channel = CheckQuantizationArgs({.group_size = -1});
  ASSERT_TRUE(channel.ok()) << channel.status();
  EXPECT_EQ(channel->strategy, Strategy::kChannel);
  EXPECT_EQ(channel->group_size, -1);
}

TEST(CheckQuantizationArgsTest, TokenStrategyMustBeDynamic) {
  EXPECT_EQ(CheckRefusal({.strategy = Strategy::kToken}),
            "dynamic false cannot be given with strategy \"token\" (allowed: true)");
  EXPECT_EQ(CheckRefusal({.strategy = Strategy::kToken, .dynamic = Dynamic::kTrue}), "accepted");
  // A session can observe tokens in both cases.
  EXPECT_EQ(RefusalOf({.strategy = Strategy::kToken}), "accepted");
}

TEST(QuantizationArgsTest, DynamicBelongsToSomeStrategies) {
  const auto refusal = [](Strategy strategy, Dynamic dynamic) {
    QuantizationArgsInput input{.strategy = strategy, .dynamic = dynamic};
    if (strategy == Strategy::kBlock) input.block_structure = {2, 2};
    if (strategy == Strategy::kGroup || strategy == Strategy::kTensorGroup) input.group_size = 8;
    EXPECT_EQ(RefusalOf(input), CheckRefusal(input));
    return CheckRefusal(input);
  };
  for (const Strategy strategy :
       {Strategy::kTensor, Strategy::kToken, Strategy::kGroup, Strategy::kTensorGroup}) {
    EXPECT_EQ(refusal(strategy, Dynamic::kTrue), "accepted");
  }
  for (const Strategy strategy : {Strategy::kChannel, Strategy::kBlock, Strategy::kAttnHead}) {
    EXPECT_EQ(refusal(strategy, Dynamic::kTrue),
              "dynamic true cannot be given with strategy \"" +
                  std::string(StrategyName(strategy)) +
                  "\" (allowed with: token, tensor, group, tensor_group)");
  }
  EXPECT_EQ(refusal(Strategy::kTensorGroup, Dynamic::kLocal), "accepted");
  EXPECT_EQ(refusal(Strategy::kGroup, Dynamic::kLocal),
            "dynamic local cannot be given with strategy \"group\" (allowed with: tensor_group)");
}

TEST(QuantizationArgsTest, FloatsOfOtherBitsNeedAZpDtype) {
  QuantizationArgsInput input{.num_bits = 5, .type = QuantizationType::kFloat};
  EXPECT_EQ(RefusalOf(input),
            "num_bits 5 with type \"float\" has no dtype for zero points (allowed: 4, 6, 8)");
  input.zp_dtype = Dtype::kI8;
  EXPECT_EQ(Resolved(input).zp_dtype, Dtype::kI8);
}

TEST(QuantizationArgsTest, ZeroPointsTakeTheNarrowestIntegerOrF8) {
  for (std::int64_t bits = 1; bits <= 32; ++bits) {
    const Dtype expected = bits <= 8 ? Dtype::kI8 : bits <= 16 ? Dtype::kI16 : Dtype::kI32;
    EXPECT_EQ(ZpDtype(Resolved({.num_bits = bits})), expected) << bits;
  }
  for (const std::int64_t bits : {4, 6, 8}) {
    const QuantizationArgsInput input{.num_bits = bits, .type = QuantizationType::kFloat};
    EXPECT_EQ(ZpDtype(Resolved(input)), Dtype::kF8E4M3) << bits;
  }
  EXPECT_EQ(ZpDtype(Resolved({.zp_dtype = Dtype::kU8})), Dtype::kU8);
}

TEST(ActorderTest, RemovedNamesAreRefusedAsRemoved) {
  EXPECT_EQ(ParseActorder("weight").value(), Actorder::kWeight);
  EXPECT_EQ(ParseActorder("static").value(), Actorder::kStatic);
  EXPECT_EQ(ParseActorder("Group").status().message(),
            "actorder \"Group\" is gone since compressed-tensors 0.19 (allowed: weight, static, or "
            "none)");
  EXPECT_EQ(ParseActorder("Weight").status().message(),
            "actorder \"Weight\" is not known (allowed: weight, static, or none)");
}

TEST(QuantizationTypeTest, ParsesItsOwnNamesAlone) {
  for (const QuantizationType type : {QuantizationType::kInt, QuantizationType::kFloat}) {
    EXPECT_EQ(ParseQuantizationType(QuantizationTypeName(type)).value(), type);
  }
  EXPECT_EQ(ParseQuantizationType("uint").status().message(),
            "type \"uint\" is not known (allowed: int, float)");
}

TEST(DefaultObserverTest, WeightsUseMemorylessMinmax) {
  EXPECT_EQ(DefaultObserver(BaseName::kWeight), "memoryless_minmax");
  for (const BaseName base_name : {BaseName::kInput, BaseName::kOutput, BaseName::kQ}) {
    EXPECT_EQ(DefaultObserver(base_name), "minmax");
  }
}

}  // namespace
}  // namespace calipers
