#ifndef CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_OPTIONS_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"

namespace calipers::client {

/// The flags that select quantization parameters.
struct QParamsOptions {
  std::vector<std::string> schemes;
  std::vector<std::string> args;
  std::vector<std::string> groups;
  bool no_fusion = false;
  std::vector<std::string> peers_behind;
  std::vector<std::string> exclude;

  void AddTo(CLI::App& command);

  /// Names of the specs, in order: the schemes, then args1, args2 ... Without schemes and
  /// args: "session", which stands for the sessions' own args.
  std::vector<std::string> SpecNames() const;

  /// A request in which only parent and names are missing. INVALID_ARGUMENT if --exclude is
  /// not a list of indices, or if a file of args cannot be read.
  absl::StatusOr<v1::BatchGetQParamsRequest> ToRequest() const;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_OPTIONS_H_
