#ifndef CALIPERS_CLIENT_CLI_COMMANDS_SPEC_OPTIONS_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_SPEC_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "calipers/v1/session.pb.h"
#include "core/args/base_name.h"

namespace calipers::client {

/// The flags for a session's spec: how it observes and folds.
struct SpecOptions {
  std::string strategy;
  std::string weight_strategy;
  std::string activation_strategy;
  std::string attention_strategy;
  std::optional<std::int64_t> group_size;
  std::string block_structure;  // HxW
  std::string observer;
  std::optional<double> averaging_constant;
  std::string arithmetic = "exact";
  std::string non_finite = "propagate";
  std::string weighting = "uniform";
  std::string retention = "series";

  /// Adds the flags to a command.
  void AddTo(CLI::App& command);

  /// INVALID_ARGUMENT for a malformed --block-structure, and for a --group-size or
  /// --block-structure that every strategy of these base names would ignore.
  absl::Status Check(absl::Span<const BaseName> base_names) const;

  /// The spec of a session of this base name. It has group_size and block_structure only if
  /// its strategy takes them. Call Check first.
  v1::Session ToSession(BaseName base_name) const;

 private:
  // The strategy that the flags name; empty: the server infers it.
  const std::string& NamedFor(BaseName base_name) const;
  // The named strategy; without a name, the strategy that the server would infer.
  std::string StrategyOf(BaseName base_name) const;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_SPEC_OPTIONS_H_
