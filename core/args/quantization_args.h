#ifndef CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_H_
#define CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/base_name.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// compressed-tensors' QuantizationStrategy. Values are stored; they must not
/// change.
enum class Strategy : std::uint8_t {
  kTensor = 1,
  kChannel = 2,
  kGroup = 3,
  kBlock = 4,
  kToken = 5,
  kTensorGroup = 6,
  kAttnHead = 7,
};

inline constexpr std::array<Strategy, 7> kAllStrategies = {
    Strategy::kTensor, Strategy::kChannel,     Strategy::kGroup,   Strategy::kBlock,
    Strategy::kToken,  Strategy::kTensorGroup, Strategy::kAttnHead};

/// compressed-tensors' spelling: "tensor", "channel", "group", "block",
/// "token", "tensor_group", "attn_head".
absl::string_view StrategyName(Strategy strategy);
absl::StatusOr<Strategy> ParseStrategy(absl::string_view name);

/// compressed-tensors' QuantizationType: "int", "float". Values are stored; they must
/// not change.
enum class QuantizationType : std::uint8_t { kInt = 1, kFloat = 2 };

absl::string_view QuantizationTypeName(QuantizationType type);
absl::StatusOr<QuantizationType> ParseQuantizationType(absl::string_view name);

/// What is found anew with every tensor: nothing; everything, so that a checkpoint holds
/// no parameters; or all but the global scale. In compressed-tensors false, true and
/// "local". Values are stored; they must not change.
enum class Dynamic : std::uint8_t { kFalse = 1, kTrue = 2, kLocal = 3 };

/// "false", "true", "local".
absl::string_view DynamicName(Dynamic dynamic);

/// The order of columns while GPTQ calibrates, compressed-tensors' ActivationOrdering.
/// kStatic is another name for kWeight, kept for its spelling. "group" and "dynamic" are
/// gone since 0.19. Values are stored; they must not change.
enum class Actorder : std::uint8_t { kWeight = 1, kStatic = 2 };

/// "weight", "static".
absl::string_view ActorderName(Actorder actorder);
absl::StatusOr<Actorder> ParseActorder(absl::string_view name);

/// compressed-tensors' QuantizationArgs, by its names. Make one with
/// ResolveQuantizationArgs, CheckQuantizationArgs, QuantizationArgsFromJson
/// (core/args/quantization_args_json.h) or PresetScheme (core/args/preset_schemes.h).
///
/// A session has one, too: what of it decides about records and folds is strategy,
/// group_size, block_structure, observer and averaging_constant; the rest matters to
/// scales and zero points alone.
struct QuantizationArgs {
  std::int64_t num_bits = 8;
  QuantizationType type = QuantizationType::kInt;
  bool symmetric = true;
  Strategy strategy = Strategy::kTensor;
  /// Above 0 with kGroup and kTensorGroup. Beside others absent, or what was given if
  /// that asks for no groups (-1, 0) and CheckQuantizationArgs read it.
  std::optional<std::int64_t> group_size = {};
  std::vector<std::int64_t> block_structure = {};  // kBlock alone; {height, width}, > 0
  Dynamic dynamic = Dynamic::kFalse;
  std::optional<Actorder> actorder = {};
  /// The dtype that scales are rounded to before they are kept in that of the tensor.
  /// Absent: they are rounded to that of the tensor alone.
  std::optional<Dtype> scale_dtype = {};
  /// As given; ZpDtype() is what it comes to.
  std::optional<Dtype> zp_dtype = {};
  /// "": left to what is observed, as None in compressed-tensors: see DefaultObserver.
  std::string observer = "minmax";
  double averaging_constant = 0.01;
  /// observer_kwargs as given, averaging_constant among them: names, and values as JSON.
  std::map<std::string, std::string> observer_kwargs = {};

  friend bool operator==(const QuantizationArgs&, const QuantizationArgs&) = default;
};

/// What a caller gives, before defaults and inference; the members are
/// QuantizationArgs'.
struct QuantizationArgsInput {
  std::int64_t num_bits = 8;
  QuantizationType type = QuantizationType::kInt;
  bool symmetric = true;
  std::optional<Strategy> strategy = {};
  std::optional<std::int64_t> group_size = {};
  std::vector<std::int64_t> block_structure = {};  // {}: none
  Dynamic dynamic = Dynamic::kFalse;
  std::optional<Actorder> actorder = {};
  std::optional<Dtype> scale_dtype = {};
  std::optional<Dtype> zp_dtype = {};
  std::string observer = {};  // "" : none
  std::optional<double> averaging_constant = {};
  std::map<std::string, std::string> observer_kwargs = {};
};

/// The args of a session. Fills in what was left out and checks the rest, by the rules of
/// compressed-tensors' QuantizationArgs validators (0.20): no strategy means "group"
/// with a positive group_size, "channel" with -1, else "tensor"; group_size
/// belongs to the group strategies (beside others, -1 and 0 are dropped),
/// block_structure to "block"; dynamic to "token", "tensor", "group" and
/// "tensor_group", "local" to the last alone; float has 4, 6 or 8 bits unless zp_dtype is
/// given. It differs where observing does: the observer is "minmax" unless given and has
/// to be registered; "token" need not be dynamic.
/// INVALID_ARGUMENT names the field, what was given and what is allowed; so it
/// does for a constant that is not in [0, 1].
absl::StatusOr<QuantizationArgs> ResolveQuantizationArgs(const QuantizationArgsInput& input);

/// The same by compressed-tensors' rules alone: any observer, and none, is kept as given, and
/// so is a group_size of -1 or 0; "token" has to be dynamic. Stricter than it in one thing: an
/// averaging_constant has to be in [0, 1].
absl::StatusOr<QuantizationArgs> CheckQuantizationArgs(const QuantizationArgsInput& input);

/// The dtype of zero points: zp_dtype if given, else F8_E4M3 for floats; for integers the
/// first of I8, I16 and I32 that has num_bits. `args` must have come from one of the above.
Dtype ZpDtype(const QuantizationArgs& args);

/// The observer that llm-compressor (0.14) takes where none is named: "memoryless_minmax"
/// for a weight, "minmax" for all else.
absl::string_view DefaultObserver(BaseName base_name);

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_H_
