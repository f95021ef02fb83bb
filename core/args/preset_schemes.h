#ifndef CALIPERS_CORE_ARGS_PRESET_SCHEMES_H_
#define CALIPERS_CORE_ARGS_PRESET_SCHEMES_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/base_name.h"
#include "core/args/quantization_args.h"

namespace calipers {

/// How a module is quantized: the args of compressed-tensors' QuantizationScheme. What has
/// none is not quantized.
struct QuantizationScheme {
  std::optional<QuantizationArgs> weights = {};
  std::optional<QuantizationArgs> input_activations = {};
  std::optional<QuantizationArgs> output_activations = {};

  friend bool operator==(const QuantizationScheme&, const QuantizationScheme&) = default;
};

/// The args that hold for a base name, as llm-compressor has it: a weight's are `weights`,
/// an output's `output_activations`, those of all else (q, k and v too)
/// `input_activations`. nullptr if there are none.
const QuantizationArgs* ArgsFor(const QuantizationScheme& scheme, BaseName base_name);

/// The preset of this name in compressed-tensors 0.20, in any case: "W4A16", "fp8_dynamic".
/// INVALID_ARGUMENT, naming those there are, for any other.
absl::StatusOr<QuantizationScheme> PresetScheme(absl::string_view name);

/// The names of all presets, in compressed-tensors' order.
std::vector<absl::string_view> PresetSchemeNames();

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_PRESET_SCHEMES_H_
