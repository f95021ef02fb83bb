#include "core/quantization_args.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/observer.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

bool IsGroupStrategy(Strategy strategy) {
  return strategy == Strategy::kGroup || strategy == Strategy::kTensorGroup;
}

absl::StatusOr<Strategy> InferStrategy(const std::optional<std::int64_t>& group_size) {
  if (!group_size) return Strategy::kTensor;
  if (*group_size > 0) return Strategy::kGroup;
  if (*group_size == -1) return Strategy::kChannel;
  return absl::InvalidArgumentError(
      absl::StrCat("group_size ", *group_size,
                   " names no strategy (allowed: above 0 for strategy \"group\", -1 for "
                   "\"channel\")"));
}

absl::Status CheckGroupSize(Strategy strategy, const std::optional<std::int64_t>& group_size) {
  if (IsGroupStrategy(strategy)) {
    if (group_size && *group_size > 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("strategy \"", StrategyName(strategy), "\" requires a group_size above 0, ",
                     group_size ? absl::StrCat("given ", *group_size) : "none was given"));
  }
  // -1 and 0 ask for no groups: configurations carry them beside "channel" and
  // others, and the reference lets them pass.
  if (!group_size || *group_size == -1 || *group_size == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("group_size ", *group_size, " cannot be given with strategy \"",
                   StrategyName(strategy), "\" (allowed with: group, tensor_group)"));
}

absl::Status CheckBlockStructure(Strategy strategy, const std::vector<std::int64_t>& structure) {
  if (strategy != Strategy::kBlock) {
    if (structure.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "block_structure [", absl::StrJoin(structure, ", "), "] cannot be given with strategy \"",
        StrategyName(strategy), "\" (allowed with: block)"));
  }
  if (structure.size() == 2 && structure[0] > 0 && structure[1] > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "strategy \"block\" requires a block_structure [height, width], both above 0, ",
      structure.empty() ? "none was given"
                        : absl::StrCat("given [", absl::StrJoin(structure, ", "), "]")));
}

absl::Status CheckAveragingConstant(double constant) {
  // NaN fails both comparisons.
  if (constant >= 0.0 && constant <= 1.0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("averaging_constant ", constant, " is not in [0, 1]"));
}

}  // namespace

absl::string_view StrategyName(Strategy strategy) {
  switch (strategy) {
    case Strategy::kTensor:
      return "tensor";
    case Strategy::kChannel:
      return "channel";
    case Strategy::kGroup:
      return "group";
    case Strategy::kBlock:
      return "block";
    case Strategy::kToken:
      return "token";
    case Strategy::kTensorGroup:
      return "tensor_group";
    case Strategy::kAttnHead:
      return "attn_head";
  }
  return "?";
}

absl::StatusOr<Strategy> ParseStrategy(absl::string_view name) {
  for (const Strategy strategy : kAllStrategies) {
    if (StrategyName(strategy) == name) return strategy;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("strategy \"", name, "\" is not known (allowed: ",
                   absl::StrJoin(kAllStrategies, ", ",
                                 [](std::string* out, Strategy strategy) {
                                   absl::StrAppend(out, StrategyName(strategy));
                                 }),
                   ")"));
}

absl::StatusOr<QuantizationArgs> ResolveQuantizationArgs(const QuantizationArgsInput& input) {
  QuantizationArgs args;
  // The sign is checked first: below -1 a group_size is wrong under any strategy.
  if (input.group_size && *input.group_size < -1) {
    return absl::InvalidArgumentError(
        absl::StrCat("group_size ", *input.group_size,
                     " is not known (allowed: above 0 for strategy \"group\", -1 for "
                     "\"channel\")"));
  }
  if (input.strategy) {
    args.strategy = *input.strategy;
  } else {
    ASSIGN_OR_RETURN(args.strategy, InferStrategy(input.group_size));
  }
  RETURN_IF_ERROR(CheckGroupSize(args.strategy, input.group_size));
  RETURN_IF_ERROR(CheckBlockStructure(args.strategy, input.block_structure));
  if (IsGroupStrategy(args.strategy)) args.group_size = input.group_size;
  args.block_structure = input.block_structure;

  if (!input.observer.empty()) args.observer = input.observer;
  RETURN_IF_ERROR(MakeObserver(args.observer, ObserverOptions()).status());
  if (input.averaging_constant) args.averaging_constant = *input.averaging_constant;
  RETURN_IF_ERROR(CheckAveragingConstant(args.averaging_constant));
  return args;
}

}  // namespace calipers
