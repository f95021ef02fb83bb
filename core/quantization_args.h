#ifndef CALIPERS_CORE_QUANTIZATION_ARGS_H_
#define CALIPERS_CORE_QUANTIZATION_ARGS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

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

/// The members of compressed-tensors' QuantizationArgs that geometry and
/// observers read. Make one with ResolveQuantizationArgs.
struct QuantizationArgs {
  Strategy strategy = Strategy::kTensor;
  std::optional<std::int64_t> group_size = {};     // kGroup, kTensorGroup alone; > 0
  std::vector<std::int64_t> block_structure = {};  // kBlock alone; {height, width}, > 0
  std::string observer = "minmax";
  double averaging_constant = 0.01;

  friend bool operator==(const QuantizationArgs&, const QuantizationArgs&) = default;
};

/// What a caller gives, before defaults and inference.
struct QuantizationArgsInput {
  std::optional<Strategy> strategy = {};
  std::optional<std::int64_t> group_size = {};
  std::vector<std::int64_t> block_structure = {};
  std::string observer = {};  // "" : "minmax"
  std::optional<double> averaging_constant = {};
};

/// Fills in what was left out and checks the rest, by the rules of
/// compressed-tensors' QuantizationArgs validators: no strategy means "group"
/// with a positive group_size, "channel" with -1, else "tensor"; group_size
/// belongs to the group strategies (beside others, -1 and 0 are dropped),
/// block_structure to "block".
/// INVALID_ARGUMENT names the field, what was given and what is allowed; so it
/// does for an unknown observer and a constant that is not in [0, 1].
absl::StatusOr<QuantizationArgs> ResolveQuantizationArgs(const QuantizationArgsInput& input);

}  // namespace calipers

#endif  // CALIPERS_CORE_QUANTIZATION_ARGS_H_
