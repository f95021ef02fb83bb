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

/// The parameters that are computed anew for every tensor. kFalse: none. kTrue: all, so a
/// checkpoint holds no parameters. kLocal: all except the global scale. compressed-tensors has
/// false, true and "local". Values are stored; they must not change.
enum class Dynamic : std::uint8_t { kFalse = 1, kTrue = 2, kLocal = 3 };

/// "false", "true", "local".
absl::string_view DynamicName(Dynamic dynamic);

/// The order of columns while GPTQ calibrates: compressed-tensors' ActivationOrdering. kStatic has
/// the meaning of kWeight, and exists to keep its spelling. compressed-tensors has no "group" and
/// no "dynamic" since 0.19. Values are stored; they must not change.
enum class Actorder : std::uint8_t { kWeight = 1, kStatic = 2 };

/// "weight", "static".
absl::string_view ActorderName(Actorder actorder);
absl::StatusOr<Actorder> ParseActorder(absl::string_view name);

/// compressed-tensors' QuantizationArgs, with its names. Make one with ResolveQuantizationArgs,
/// CheckQuantizationArgs, QuantizationArgsFromJson (core/args/quantization_args_json.h) or
/// PresetScheme (core/args/preset_schemes.h).
///
/// A session has QuantizationArgs too. Its records and folds depend on strategy, group_size,
/// block_structure, observer and averaging_constant. The other members matter only to scales and
/// zero points.
struct QuantizationArgs {
  std::int64_t num_bits = 8;
  QuantizationType type = QuantizationType::kInt;
  bool symmetric = true;
  Strategy strategy = Strategy::kTensor;
  /// Above 0 with kGroup and kTensorGroup. With another strategy: absent, or the -1 or 0 ("no
  /// groups") that CheckQuantizationArgs was given.
  std::optional<std::int64_t> group_size = {};
  std::vector<std::int64_t> block_structure = {};  // {height, width}, > 0; only with kBlock
  Dynamic dynamic = Dynamic::kFalse;
  std::optional<Actorder> actorder = {};
  /// Scales are rounded to this dtype, and then kept in the dtype of the tensor. Absent: scales are
  /// only rounded to the dtype of the tensor.
  std::optional<Dtype> scale_dtype = {};
  /// The zp_dtype as given. ZpDtype() returns the dtype to use.
  std::optional<Dtype> zp_dtype = {};
  /// "" means not named, as None in compressed-tensors. DefaultObserver then chooses by base name.
  std::string observer = "minmax";
  double averaging_constant = 0.01;
  /// observer_kwargs as given, including averaging_constant: names, and values as JSON.
  std::map<std::string, std::string> observer_kwargs = {};

  friend bool operator==(const QuantizationArgs&, const QuantizationArgs&) = default;
};

/// Args as a caller gives them, before defaults and inference. The members are those of
/// QuantizationArgs.
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

/// The args of a session. Fills in the omitted members and checks the others, by the rules of
/// compressed-tensors' QuantizationArgs validators (0.20):
/// - An omitted strategy is "group" with a positive group_size, "channel" with -1, and "tensor"
///   without a group_size.
/// - group_size must be above 0 with "group" and "tensor_group". With other strategies only -1 and
///   0 are allowed, and are dropped.
/// - block_structure is allowed only with "block".
/// - dynamic true is allowed with "token", "tensor", "group" and "tensor_group"; "local" only with
///   "tensor_group".
/// - Type "float" needs 4, 6 or 8 bits, unless zp_dtype is given.
///
/// Two rules of sessions differ: an omitted observer is "minmax", and the observer must be
/// registered; "token" need not be dynamic.
///
/// INVALID_ARGUMENT names the field, the given value and the allowed values; also for an
/// averaging_constant that is not in [0, 1].
absl::StatusOr<QuantizationArgs> ResolveQuantizationArgs(const QuantizationArgsInput& input);

/// As ResolveQuantizationArgs, but with compressed-tensors' rules alone: every observer is kept as
/// given, and an omitted observer stays empty; a group_size of -1 or 0 is kept; "token" must be
/// dynamic. One rule is stricter than in compressed-tensors: averaging_constant must be in [0, 1].
absl::StatusOr<QuantizationArgs> CheckQuantizationArgs(const QuantizationArgsInput& input);

/// The dtype of zero points: zp_dtype if given. Otherwise F8_E4M3 for floats, and for integers the
/// first of I8, I16 and I32 that has at least num_bits bits. `args` must come from one of the
/// functions above.
Dtype ZpDtype(const QuantizationArgs& args);

/// The observer that llm-compressor (0.14) uses if none is named: "memoryless_minmax" for a weight,
/// "minmax" for every other base name.
absl::string_view DefaultObserver(BaseName base_name);

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_H_
