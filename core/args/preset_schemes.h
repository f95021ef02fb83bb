#ifndef CALIPERS_CORE_ARGS_PRESET_SCHEMES_H_
#define CALIPERS_CORE_ARGS_PRESET_SCHEMES_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/base_name.h"
#include "core/args/quantization_args.h"

namespace calipers {

/// How a module is quantized: the args of compressed-tensors' QuantizationScheme. Tensors without
/// args are not quantized.
struct QuantizationScheme {
  std::optional<QuantizationArgs> weights = {};
  std::optional<QuantizationArgs> input_activations = {};
  std::optional<QuantizationArgs> output_activations = {};

  friend bool operator==(const QuantizationScheme&, const QuantizationScheme&) = default;
};

/// The args for a base name, as in llm-compressor: `weights` for a weight, `output_activations` for
/// an output, `input_activations` for an input and for q, k and v. nullptr if the scheme has none.
const QuantizationArgs* ArgsFor(const QuantizationScheme& scheme, BaseName base_name);

/// The preset of this name in compressed-tensors 0.20, e.g. "W4A16" or "fp8_dynamic". Upper and
/// lower case are the same. INVALID_ARGUMENT, with the known names, for any other name.
absl::StatusOr<QuantizationScheme> PresetScheme(absl::string_view name);

/// The names of all presets, in compressed-tensors' order.
std::vector<absl::string_view> PresetSchemeNames();

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_PRESET_SCHEMES_H_
