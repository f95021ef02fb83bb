#include "client/cli/commands/spec_options.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/args/quantization_args.h"

namespace calipers::client {
namespace {

// The enum value whose protobuf name is PREFIX_VALUE, with the flag's VALUE in upper case.
template <typename Enum>
Enum FromFlag(bool (*parse)(const std::string&, Enum*), absl::string_view prefix,
              const std::string& value) {
  Enum result{};
  parse(absl::StrCat(prefix, absl::AsciiStrToUpper(value)), &result);
  return result;
}

bool ParseStrategyEnum(const std::string& name, v1::Strategy* strategy) {
  return v1::Strategy_Parse(name, strategy);
}
bool ParseArithmeticEnum(const std::string& name, v1::Arithmetic* arithmetic) {
  return v1::Arithmetic_Parse(name, arithmetic);
}
bool ParsePolicyEnum(const std::string& name, v1::NonFinitePolicy* policy) {
  return v1::NonFinitePolicy_Parse(name, policy);
}
bool ParseRetentionEnum(const std::string& name, v1::Retention* retention) {
  return v1::Retention_Parse(name, retention);
}
bool ParseWeightingEnum(const std::string& name, v1::Weighting* weighting) {
  return v1::Weighting_Parse(name, weighting);
}

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  names.reserve(kAllStrategies.size());
  for (Strategy strategy : kAllStrategies) names.emplace_back(StrategyName(strategy));
  return names;
}

// Parses HEIGHTxWIDTH. Empty if `text` has another form.
std::vector<std::int64_t> ParseBlockStructure(const std::string& text) {
  std::vector<std::int64_t> sizes;
  for (const absl::string_view side : absl::StrSplit(text, 'x')) {
    if (!absl::SimpleAtoi(side, &sizes.emplace_back())) return {};
  }
  return sizes.size() == 2 ? sizes : std::vector<std::int64_t>();
}

bool TakesGroupSize(absl::string_view strategy) {
  return strategy == "group" || strategy == "tensor_group";
}

bool TakesBlockStructure(absl::string_view strategy) { return strategy == "block"; }

absl::Status Ignored(absl::string_view flag, absl::string_view takers,
                     const std::set<std::string>& strategies) {
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " goes with strategy ", takers, "; with strategy ",
                   absl::StrJoin(strategies, ", "), " it would be ignored"));
}

}  // namespace

void SpecOptions::AddTo(CLI::App& command) {
  const CLI::IsMember strategies(StrategyNames());
  const std::string group = "How sessions observe and fold";
  command.add_option("--strategy", strategy, "Strategy of every session (default: tensor)")
      ->check(strategies)
      ->group(group);
  command.add_option("--weight-strategy", weight_strategy, "Strategy of weights")
      ->check(strategies)
      ->group(group);
  command.add_option("--activation-strategy", activation_strategy, "Strategy of input and output")
      ->check(strategies)
      ->group(group);
  command.add_option("--attention-strategy", attention_strategy, "Strategy of q, k and v")
      ->check(strategies)
      ->group(group);
  command
      .add_option("--group-size", group_size,
                  "Elements in a group, for strategies group and tensor_group")
      ->group(group);
  command.add_option("--block-structure", block_structure, "HEIGHTxWIDTH, for strategy block")
      ->group(group);
  command
      .add_option("--observer", observer,
                  "minmax, static_minmax, memoryless_minmax (default: minmax)")
      ->group(group);
  command
      .add_option("--averaging-constant", averaging_constant,
                  "Weight of the newest record in minmax (default: 0.01)")
      ->group(group);
  command
      .add_option("--arithmetic", arithmetic, "exact, or reference: with llm-compressor's rounding")
      ->check(CLI::IsMember({"exact", "reference"}))
      ->capture_default_str()
      ->group(group);
  command.add_option("--non-finite", non_finite, "How to treat NaN and infinity")
      ->check(CLI::IsMember({"propagate", "reject", "skip"}))
      ->capture_default_str()
      ->group(group);
  command.add_option("--weighting", weighting, "Weight of an observation in minmax")
      ->check(CLI::IsMember({"uniform", "num_observations"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--retention", retention,
                  "series keeps all records and answers for any observer; folded keeps the "
                  "fold of the session's own observer")
      ->check(CLI::IsMember({"series", "folded"}))
      ->capture_default_str()
      ->group(group);
}

const std::string& SpecOptions::NamedFor(BaseName base_name) const {
  const std::string& own = IsWeight(base_name)       ? weight_strategy
                           : IsActivation(base_name) ? activation_strategy
                                                     : attention_strategy;
  return own.empty() ? strategy : own;
}

std::string SpecOptions::StrategyOf(BaseName base_name) const {
  if (const std::string& named = NamedFor(base_name); !named.empty()) return named;
  // If no strategy is given, a group size means strategy group, as in compressed-tensors.
  const bool none_named =
      (strategy + weight_strategy + activation_strategy + attention_strategy).empty();
  return none_named && group_size ? "group" : "tensor";
}

absl::Status SpecOptions::Check(absl::Span<const BaseName> base_names) const {
  if (!block_structure.empty() && ParseBlockStructure(block_structure).empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--block-structure is \"", block_structure,
                                                   "\"; give HEIGHTxWIDTH, e.g. 128x128"));
  }
  std::set<std::string> strategies;
  for (const BaseName base_name : base_names) strategies.insert(StrategyOf(base_name));
  // -1 and 0 mean that there are no groups; compressed-tensors accepts them with any strategy.
  const bool grouped = group_size && *group_size != -1 && *group_size != 0;
  if (grouped && std::none_of(strategies.begin(), strategies.end(), TakesGroupSize)) {
    return Ignored("--group-size", "group and tensor_group", strategies);
  }
  if (!block_structure.empty() &&
      std::none_of(strategies.begin(), strategies.end(), TakesBlockStructure)) {
    return Ignored("--block-structure", "block", strategies);
  }
  return absl::OkStatus();
}

v1::Session SpecOptions::ToSession(BaseName base_name) const {
  const std::string& named = NamedFor(base_name);
  const std::string strategy_of = StrategyOf(base_name);
  v1::Session session;
  v1::QuantizationArgs& args = *session.mutable_args();
  if (!named.empty()) args.set_strategy(FromFlag(ParseStrategyEnum, "STRATEGY_", named));
  if (group_size && TakesGroupSize(strategy_of)) args.set_group_size(*group_size);
  if (TakesBlockStructure(strategy_of)) {
    const std::vector<std::int64_t> structure = ParseBlockStructure(block_structure);
    args.mutable_block_structure()->Assign(structure.begin(), structure.end());
  }
  args.set_observer(observer);
  if (averaging_constant)
    args.mutable_observer_kwargs()->set_averaging_constant(*averaging_constant);
  session.set_arithmetic(FromFlag(ParseArithmeticEnum, "ARITHMETIC_", arithmetic));
  session.set_non_finite_policy(FromFlag(ParsePolicyEnum, "NON_FINITE_POLICY_", non_finite));
  session.set_weighting(FromFlag(ParseWeightingEnum, "WEIGHTING_", weighting));
  session.set_retention(FromFlag(ParseRetentionEnum, "RETENTION_", retention));
  return session;
}

}  // namespace calipers::client
