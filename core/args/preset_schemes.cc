#include "core/args/preset_schemes.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace calipers {
namespace {

// Args with compressed-tensors' defaults for all other members: no observer is named.
QuantizationArgs Args(std::int64_t num_bits, QuantizationType type, Strategy strategy) {
  QuantizationArgs args;
  args.num_bits = num_bits;
  args.type = type;
  args.strategy = strategy;
  args.observer = "";
  return args;
}

QuantizationArgs Int(std::int64_t num_bits, Strategy strategy) {
  return Args(num_bits, QuantizationType::kInt, strategy);
}

QuantizationArgs Float(std::int64_t num_bits, Strategy strategy) {
  return Args(num_bits, QuantizationType::kFloat, strategy);
}

QuantizationArgs InGroups(QuantizationArgs args, std::int64_t group_size) {
  args.group_size = group_size;
  return args;
}

QuantizationArgs OnTheFly(QuantizationArgs args) {
  args.dynamic = Dynamic::kTrue;
  return args;
}

QuantizationScheme Weights(QuantizationArgs weights) { return {.weights = std::move(weights)}; }

QuantizationScheme WithInputs(QuantizationArgs weights, QuantizationArgs inputs) {
  return {.weights = std::move(weights), .input_activations = std::move(inputs)};
}

// Integer weights in groups of 128. Activations of fewer than 16 bits are integers with one dynamic
// scale per token. Activations of 16 bits are not quantized.
template <int kWeightBits, int kActivationBits>
QuantizationScheme Integers() {
  QuantizationArgs weights = InGroups(Int(kWeightBits, Strategy::kGroup), 128);
  if (kActivationBits == 16) return Weights(std::move(weights));
  return WithInputs(std::move(weights), OnTheFly(Int(kActivationBits, Strategy::kToken)));
}

QuantizationScheme W4A16Asym() {
  QuantizationArgs weights = InGroups(Int(4, Strategy::kGroup), 128);
  weights.symmetric = false;
  return Weights(std::move(weights));
}

QuantizationScheme W8A8() {
  return WithInputs(Int(8, Strategy::kChannel), OnTheFly(Int(8, Strategy::kToken)));
}

QuantizationScheme W4AFp8() {
  return WithInputs(InGroups(Int(4, Strategy::kGroup), 128), OnTheFly(Float(8, Strategy::kToken)));
}

QuantizationScheme Fp8() {
  QuantizationArgs inputs = Float(8, Strategy::kTensor);
  inputs.observer = "static_minmax";
  return WithInputs(Float(8, Strategy::kTensor), std::move(inputs));
}

QuantizationScheme Fp8Dynamic() {
  return WithInputs(Float(8, Strategy::kChannel), OnTheFly(Float(8, Strategy::kToken)));
}

QuantizationScheme Fp8Block() {
  QuantizationArgs weights = Float(8, Strategy::kBlock);
  weights.block_structure = {128, 128};
  return WithInputs(std::move(weights), OnTheFly(InGroups(Float(8, Strategy::kGroup), 128)));
}

QuantizationArgs NvFp4Args() {
  QuantizationArgs args = InGroups(Float(4, Strategy::kTensorGroup), 16);
  args.scale_dtype = Dtype::kF8E4M3;
  args.zp_dtype = Dtype::kF8E4M3;
  return args;
}

QuantizationScheme NvFp4A16() { return Weights(NvFp4Args()); }

QuantizationScheme NvFp4() {
  QuantizationArgs inputs = NvFp4Args();
  inputs.dynamic = Dynamic::kLocal;
  inputs.observer = "static_minmax";
  return WithInputs(NvFp4Args(), std::move(inputs));
}

// Floats in groups of 32. Each scale is a power of two, kept as its exponent.
QuantizationArgs Mx(std::int64_t num_bits) {
  QuantizationArgs args = InGroups(Float(num_bits, Strategy::kGroup), 32);
  args.scale_dtype = Dtype::kU8;
  args.zp_dtype = Dtype::kU8;
  return args;
}

template <int kBits>
QuantizationScheme MxWeights() {
  return Weights(Mx(kBits));
}

template <int kWeightBits, int kActivationBits>
QuantizationScheme MxBoth() {
  return WithInputs(Mx(kWeightBits), OnTheFly(Mx(kActivationBits)));
}

QuantizationScheme MxFp4XFp8() {
  return WithInputs(Mx(4), OnTheFly(InGroups(Float(8, Strategy::kGroup), 128)));
}

QuantizationScheme Unquantized() { return {}; }

struct Preset {
  absl::string_view name;
  QuantizationScheme (*make)();
};

constexpr Preset kPresets[] = {
    {"UNQUANTIZED", Unquantized},
    {"W4A16_ASYM", W4A16Asym},
    {"W8A8", W8A8},
    {"INT8", W8A8},
    {"W4AFP8", W4AFp8},
    {"FP8", Fp8},
    {"FP8_DYNAMIC", Fp8Dynamic},
    {"FP8_BLOCK", Fp8Block},
    {"NVFP4A16", NvFp4A16},
    {"NVFP4", NvFp4},
    {"MXFP4A16", MxWeights<4>},
    {"MXFP4", MxBoth<4, 4>},
    {"MXFP4XFP8", MxFp4XFp8},
    {"MXFP6A16", MxWeights<6>},
    {"MXFP6A8", MxBoth<6, 8>},
    {"MXFP8A16", MxWeights<8>},
    {"MXFP8", MxBoth<8, 8>},
    {"W2A4", Integers<2, 4>},
    {"W2A8", Integers<2, 8>},
    {"W2A16", Integers<2, 16>},
    {"W3A4", Integers<3, 4>},
    {"W3A8", Integers<3, 8>},
    {"W3A16", Integers<3, 16>},
    {"W4A4", Integers<4, 4>},
    {"W4A8", Integers<4, 8>},
    {"W4A16", Integers<4, 16>},
    {"W5A8", Integers<5, 8>},
    {"W5A16", Integers<5, 16>},
    {"W6A8", Integers<6, 8>},
    {"W6A16", Integers<6, 16>},
    {"W7A8", Integers<7, 8>},
    {"W7A16", Integers<7, 16>},
    {"W8A16", Integers<8, 16>},
};

}  // namespace

const QuantizationArgs* ArgsFor(const QuantizationScheme& scheme, BaseName base_name) {
  const auto given = [](const std::optional<QuantizationArgs>& args) {
    return args ? &*args : nullptr;
  };
  if (IsWeight(base_name)) return given(scheme.weights);
  if (base_name == BaseName::kOutput) return given(scheme.output_activations);
  return given(scheme.input_activations);
}

absl::StatusOr<QuantizationScheme> PresetScheme(absl::string_view name) {
  for (const Preset& preset : kPresets) {
    if (absl::EqualsIgnoreCase(preset.name, name)) return preset.make();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("scheme \"", name.substr(0, 64),
                   "\" is not known (allowed: ", absl::StrJoin(PresetSchemeNames(), ", "), ")"));
}

std::vector<absl::string_view> PresetSchemeNames() {
  std::vector<absl::string_view> names;
  for (const Preset& preset : kPresets) names.push_back(preset.name);
  return names;
}

}  // namespace calipers
