#ifndef CALIPERS_CLIENT_CLI_COMMANDS_OUTPUT_OPTION_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_OUTPUT_OPTION_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"

namespace calipers::client {

/// An output file.
struct Output {
  std::string path;
  bool overwrite = false;

  /// NOT_FOUND if the folder does not exist, ALREADY_EXISTS if the file exists and `overwrite` is
  /// false.
  absl::Status Check() const;
};

/// Adds the option `name`, which takes the path, and --force, which allows overwriting.
void AddOutputOption(CLI::App& command, const std::string& name, Output& output);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_OUTPUT_OPTION_H_
