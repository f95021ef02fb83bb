#include "core/args/quantization_args_json.h"

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// scripts/parity --layer qparams compares thousands of objects with compressed-tensors. The tests
// here check the promises to callers.

namespace calipers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

QuantizationArgs Accepted(absl::string_view text) {
  const auto args = QuantizationArgsFromJson(text);
  EXPECT_TRUE(args.ok()) << text << ": " << args.status();
  return args.value_or(QuantizationArgs());
}

std::string Refusal(absl::string_view text) {
  const auto args = QuantizationArgsFromJson(text);
  if (args.ok()) return "accepted";
  EXPECT_EQ(args.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(args.status().message());
}

TEST(QuantizationArgsJsonTest, EmptyObjectGivesTheDefaults) {
  const QuantizationArgs args = Accepted("{}");
  QuantizationArgs defaults;
  defaults.observer = "";
  EXPECT_EQ(args, defaults);
}

TEST(QuantizationArgsJsonTest, ReadsEveryMember) {
  const QuantizationArgs args = Accepted(R"({
    "num_bits": 4, "type": "FLOAT", "symmetric": false, "group_size": 16,
    "strategy": "Tensor_Group", "block_structure": null, "dynamic": "LOCAL",
    "actorder": "static", "scale_dtype": "torch.float8_e4m3fn", "zp_dtype": "half",
    "observer": "mse", "observer_kwargs": {"averaging_constant": 0.25, "grid": [1, null]}})");
  EXPECT_EQ(args.num_bits, 4);
  EXPECT_EQ(args.type, QuantizationType::kFloat);
  EXPECT_FALSE(args.symmetric);
  EXPECT_EQ(args.group_size, 16);
  EXPECT_EQ(args.strategy, Strategy::kTensorGroup);
  EXPECT_EQ(args.dynamic, Dynamic::kLocal);
  EXPECT_EQ(args.actorder, Actorder::kStatic);
  EXPECT_EQ(args.scale_dtype, Dtype::kF8E4M3);
  EXPECT_EQ(args.zp_dtype, Dtype::kF16);
  EXPECT_EQ(args.observer, "mse");
  EXPECT_EQ(args.averaging_constant, 0.25);
  EXPECT_THAT(args.observer_kwargs,
              ElementsAre(Pair("averaging_constant", "0.25"), Pair("grid", "[1,null]")));
}

TEST(QuantizationArgsJsonTest, BlocksMayBeWrittenEitherWay) {
  for (const char* text : {R"({"strategy": "block", "block_structure": [128, 64]})",
                           R"({"strategy": "block", "block_structure": "128x64"})"}) {
    EXPECT_THAT(Accepted(text).block_structure, ElementsAre(128, 64));
  }
}

TEST(QuantizationArgsJsonTest, WhatIsWrittenIsReadAgain) {
  for (const char* text :
       {"{}", R"({"num_bits": 8.0, "group_size": -1})",
        R"({"symmetric": false, "zp_dtype": null, "num_bits": 12})",
        R"({"dynamic": true, "strategy": "token", "observer_kwargs": {"b": {"a": "\u00e9"}}})",
        R"({"strategy": "block", "block_structure": [1, 2], "actorder": "weight"})",
        R"({"num_bits": 4, "type": "float", "group_size": 32, "scale_dtype": "uint8"})"}) {
    const QuantizationArgs args = Accepted(text);
    EXPECT_EQ(Accepted(QuantizationArgsToJson(args)), args) << text;
  }
}

TEST(QuantizationArgsJsonTest, TextThatIsNoObjectIsRefused) {
  for (const char* text :
       {"", "{", "[]", "null", "8", "\"W4A16\"", "{}{}", "{\"num_bits\": NaN}"}) {
    EXPECT_EQ(Refusal(text), "quantization args are not a JSON object") << text;
  }
}

TEST(QuantizationArgsJsonTest, UnknownMembersAreRefusedByName) {
  EXPECT_EQ(Refusal(R"({"bits": 8})"),
            "quantization args have no member \"bits\" (allowed: num_bits, type, symmetric, "
            "group_size, strategy, block_structure, dynamic, actorder, scale_dtype, zp_dtype, "
            "observer, observer_kwargs)");
}

TEST(QuantizationArgsJsonTest, RefusalsSayMemberGivenAndAllowed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"num_bits": "8"})", R"(num_bits "8" is not known (allowed: an integer))"},
      {R"({"num_bits": 2.5})", "num_bits 2.5 is not known (allowed: an integer)"},
      {R"({"num_bits": 1e300})", "num_bits 1e+300 is not known (allowed: an integer)"},
      {R"({"num_bits": 18446744073709551615})",
       "num_bits 18446744073709551615 is not known (allowed: an integer)"},
      {R"({"type": null})", R"(type null is not known (allowed: "int", "float"))"},
      {R"({"symmetric": 1})", "symmetric 1 is not known (allowed: true, false)"},
      {R"({"dynamic": "yes"})", R"(dynamic "yes" is not known (allowed: false, true, "local"))"},
      {R"({"actorder": true})",
       R"(actorder true is not known (allowed: "weight", "static", false, null))"},
      {R"({"observer_kwargs": null})", "observer_kwargs null is not known (allowed: an object)"},
      {R"({"observer": ""})", R"(observer "" is not known (allowed: a name or null))"},
      {R"({"observer_kwargs": {"averaging_constant": 2}})",
       "averaging_constant 2 is not in [0, 1]"},
      {R"({"block_structure": []})",
       R"(block_structure [] is not known (allowed: [height, width] or "HEIGHTxWIDTH", both above 0))"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(Refusal(text), message) << text;
}

TEST(QuantizationArgsJsonTest, BlocksOfAnotherFormAreRefused) {
  for (const char* blocks : {"[1]", "[1,2,3]", "[0,1]", "[1,-1]", "[1.0,2.0]", "[true,2]", "\"1\"",
                             "\"1x\"", "\"1X2\"", "\"0x2\"", "\"1x2x3\"", "{}", "4"}) {
    const std::string text =
        absl::StrCat(R"({"strategy": "block", "block_structure": )", blocks, "}");
    EXPECT_THAT(Refusal(text), HasSubstr("block_structure ")) << text;
  }
}

TEST(QuantizationArgsJsonTest, SizeAndDepthAreLimited) {
  const auto kwargs = [](const std::string& value) {
    return absl::StrCat(R"({"observer_kwargs": {"a": )", value, "}}");
  };
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(Refusal(kwargs(nested(28))), "accepted");
  for (const int depth : {40, 30000}) {
    EXPECT_EQ(Refusal(kwargs(nested(depth))),
              "quantization args are nested too deep (allowed: 32)");
  }
  EXPECT_EQ(Refusal(kwargs('"' + std::string(60'000, 'a') + '"')), "accepted");
  EXPECT_EQ(Refusal(kwargs('"' + std::string(70'000, 'a') + '"')),
            "quantization args of 70030 bytes are too long (allowed: 65536)");
}

TEST(QuantizationArgsJsonTest, ErrorsShortenQuotedInput) {
  const std::string text = R"({"num_bits": ")" + std::string(10'000, 'x') + "\"}";
  EXPECT_LT(Refusal(text).size(), 200U);
}

}  // namespace
}  // namespace calipers
