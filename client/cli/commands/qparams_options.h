#ifndef CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_OPTIONS_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"

namespace calipers::client {

/// The flags that say which quantization parameters are wanted.
struct QParamsOptions {
  std::vector<std::string> schemes;
  std::vector<std::string> args;
  std::vector<std::string> groups;
  bool no_fusion = false;
  std::vector<std::string> peers_behind;
  std::vector<std::string> exclude;

  void AddTo(CLI::App& command);

  /// Names of the specs, in their order: the schemes, then args1, args2 ...; "session" for
  /// the sessions' own args, if none was given.
  std::vector<std::string> SpecNames() const;

  /// A request with all but parent and names. INVALID_ARGUMENT for what is no list of
  /// indices, and for a file of args that cannot be read.
  absl::StatusOr<v1::BatchGetQParamsRequest> ToRequest() const;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_QPARAMS_OPTIONS_H_
