#include "core/args/preset_schemes.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "core/args/quantization_args_json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// scripts/parity --layer qparams compares every preset with compressed-tensors.

namespace calipers {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

QuantizationScheme Preset(absl::string_view name) {
  const auto scheme = PresetScheme(name);
  EXPECT_TRUE(scheme.ok()) << scheme.status();
  return scheme.value_or(QuantizationScheme());
}

TEST(PresetSchemesTest, NamesAreDistinctAndKnownInAnyCase) {
  std::set<std::string> seen;
  for (const absl::string_view name : PresetSchemeNames()) {
    EXPECT_TRUE(seen.insert(std::string(name)).second) << name;
    EXPECT_EQ(Preset(absl::AsciiStrToLower(name)), Preset(name));
  }
  for (const char* name : {"W8A8", "W4A16", "W4A16_ASYM", "FP8", "FP8_DYNAMIC", "FP8_BLOCK",
                           "NVFP4", "NVFP4A16", "MXFP4", "INT8"}) {
    EXPECT_THAT(seen, Contains(name));
  }
}

TEST(PresetSchemesTest, ArgsOfEachPresetRoundTripThroughJson) {
  for (const absl::string_view name : PresetSchemeNames()) {
    const QuantizationScheme scheme = Preset(name);
    for (const auto& args : {scheme.weights, scheme.input_activations, scheme.output_activations}) {
      if (!args) continue;
      auto again = QuantizationArgsFromJson(QuantizationArgsToJson(*args));
      ASSERT_TRUE(again.ok()) << name << ": " << again.status();
      // The JSON has no zp_dtype for symmetric args.
      again->zp_dtype = args->zp_dtype;
      EXPECT_EQ(*again, *args) << name;
    }
  }
}

TEST(PresetSchemesTest, NameOfIntegersSaysItsBits) {
  for (const absl::string_view name : PresetSchemeNames()) {
    const bool integers = name[0] == 'W' && name[2] == 'A' && absl::ascii_isdigit(name[3]);
    if (!integers || name == "W8A8") continue;
    const QuantizationScheme scheme = Preset(name);
    EXPECT_EQ(scheme.weights->num_bits, name[1] - '0') << name;
    EXPECT_EQ(scheme.weights->group_size, 128) << name;
    EXPECT_EQ(scheme.input_activations.has_value(), name[3] != '1') << name;
    if (scheme.input_activations) {
      EXPECT_EQ(scheme.input_activations->num_bits, name[3] - '0') << name;
      EXPECT_EQ(scheme.input_activations->dynamic, Dynamic::kTrue) << name;
    }
  }
}

TEST(PresetSchemesTest, UnknownNameIsRefusedWithTheAllowedNames) {
  const auto scheme = PresetScheme("W4A17");
  EXPECT_EQ(scheme.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(scheme.status().message()),
              HasSubstr("scheme \"W4A17\" is not known (allowed: UNQUANTIZED, W4A16_ASYM, W8A8,"));
}

TEST(ArgsForTest, EachBaseNameGetsItsOwnArgs) {
  const QuantizationScheme scheme = Preset("NVFP4");
  EXPECT_EQ(ArgsFor(scheme, BaseName::kWeight), &*scheme.weights);
  for (const BaseName base_name : {BaseName::kInput, BaseName::kQ, BaseName::kK, BaseName::kV}) {
    EXPECT_EQ(ArgsFor(scheme, base_name), &*scheme.input_activations);
  }
  EXPECT_EQ(ArgsFor(scheme, BaseName::kOutput), nullptr);
  EXPECT_EQ(ArgsFor(Preset("UNQUANTIZED"), BaseName::kWeight), nullptr);
}

}  // namespace
}  // namespace calipers
