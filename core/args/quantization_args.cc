#include "core/args/quantization_args.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/args/observer_names.h"
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
  // -1 and 0 mean "no groups". Configurations have them together with "channel" and other
  // strategies, and the reference accepts them.
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

absl::Status CheckDynamic(Strategy strategy, Dynamic dynamic) {
  if (dynamic == Dynamic::kFalse) return absl::OkStatus();
  const bool fits = dynamic == Dynamic::kLocal
                        ? strategy == Strategy::kTensorGroup
                        : IsGroupStrategy(strategy) || strategy == Strategy::kTensor ||
                              strategy == Strategy::kToken;
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "dynamic ", DynamicName(dynamic), " cannot be given with strategy \"", StrategyName(strategy),
      "\" (allowed with: ",
      dynamic == Dynamic::kLocal ? "tensor_group" : "token, tensor, group, tensor_group", ")"));
}

absl::Status CheckZpDtype(const QuantizationArgsInput& input) {
  const std::int64_t bits = input.num_bits;
  const bool known = input.type == QuantizationType::kInt || bits == 4 || bits == 6 || bits == 8;
  if (known || input.zp_dtype) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "num_bits ", bits, " with type \"float\" has no dtype for zero points (allowed: 4, 6, 8)"));
}

// The rules that sessions and compressed-tensors share.
absl::StatusOr<QuantizationArgs> Resolve(const QuantizationArgsInput& input) {
  // The sign is checked first, because a group_size below -1 is wrong with every strategy.
  if (input.group_size && *input.group_size < -1) {
    return absl::InvalidArgumentError(
        absl::StrCat("group_size ", *input.group_size,
                     " is not known (allowed: above 0 for strategy \"group\", -1 for "
                     "\"channel\")"));
  }
  Strategy strategy = Strategy::kTensor;
  if (input.strategy) {
    strategy = *input.strategy;
  } else {
    ASSIGN_OR_RETURN(strategy, InferStrategy(input.group_size));
  }
  RETURN_IF_ERROR(CheckGroupSize(strategy, input.group_size));
  RETURN_IF_ERROR(CheckBlockStructure(strategy, input.block_structure));
  RETURN_IF_ERROR(CheckDynamic(strategy, input.dynamic));
  RETURN_IF_ERROR(CheckZpDtype(input));
  return QuantizationArgs{.num_bits = input.num_bits,
                          .type = input.type,
                          .symmetric = input.symmetric,
                          .strategy = strategy,
                          .group_size = input.group_size,
                          .block_structure = input.block_structure,
                          .dynamic = input.dynamic,
                          .actorder = input.actorder,
                          .scale_dtype = input.scale_dtype,
                          .zp_dtype = input.zp_dtype,
                          .observer = input.observer,
                          .averaging_constant = input.averaging_constant.value_or(0.01),
                          .observer_kwargs = input.observer_kwargs};
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

absl::string_view QuantizationTypeName(QuantizationType type) {
  return type == QuantizationType::kInt ? "int" : "float";
}

absl::StatusOr<QuantizationType> ParseQuantizationType(absl::string_view name) {
  if (name == "int") return QuantizationType::kInt;
  if (name == "float") return QuantizationType::kFloat;
  return absl::InvalidArgumentError(
      absl::StrCat("type \"", name, "\" is not known (allowed: int, float)"));
}

absl::string_view DynamicName(Dynamic dynamic) {
  switch (dynamic) {
    case Dynamic::kFalse:
      return "false";
    case Dynamic::kTrue:
      return "true";
    case Dynamic::kLocal:
      return "local";
  }
  return "?";
}

absl::string_view ActorderName(Actorder actorder) {
  return actorder == Actorder::kWeight ? "weight" : "static";
}

absl::StatusOr<Actorder> ParseActorder(absl::string_view name) {
  if (name == "weight") return Actorder::kWeight;
  if (name == "static") return Actorder::kStatic;
  const bool gone =
      absl::EqualsIgnoreCase(name, "group") || absl::EqualsIgnoreCase(name, "dynamic");
  return absl::InvalidArgumentError(absl::StrCat(
      "actorder \"", name, gone ? "\" is gone since compressed-tensors 0.19" : "\" is not known",
      " (allowed: weight, static, or none)"));
}

absl::StatusOr<QuantizationArgs> ResolveQuantizationArgs(const QuantizationArgsInput& input) {
  ASSIGN_OR_RETURN(QuantizationArgs args, Resolve(input));
  if (!IsGroupStrategy(args.strategy)) args.group_size = std::nullopt;
  if (args.observer.empty()) args.observer = "minmax";
  RETURN_IF_ERROR(CheckObserverName(args.observer));
  RETURN_IF_ERROR(CheckAveragingConstant(args.averaging_constant));
  return args;
}

absl::StatusOr<QuantizationArgs> CheckQuantizationArgs(const QuantizationArgsInput& input) {
  ASSIGN_OR_RETURN(QuantizationArgs args, Resolve(input));
  if (args.strategy == Strategy::kToken && args.dynamic == Dynamic::kFalse) {
    return absl::InvalidArgumentError(
        "dynamic false cannot be given with strategy \"token\" (allowed: true)");
  }
  RETURN_IF_ERROR(CheckAveragingConstant(args.averaging_constant));
  return args;
}

Dtype ZpDtype(const QuantizationArgs& args) {
  if (args.zp_dtype) return *args.zp_dtype;
  if (args.type == QuantizationType::kFloat) return Dtype::kF8E4M3;
  if (args.num_bits <= 8) return Dtype::kI8;
  return args.num_bits <= 16 ? Dtype::kI16 : Dtype::kI32;
}

absl::string_view DefaultObserver(BaseName base_name) {
  return IsWeight(base_name) ? "memoryless_minmax" : "minmax";
}

}  // namespace calipers
