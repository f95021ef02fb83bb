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

  /// NOT_FOUND if its folder is not there, ALREADY_EXISTS if the file is and may not be
  /// written over.
  absl::Status Check() const;
};

/// Adds `name`, which takes the file, and --force, which allows to write over it.
void AddOutputOption(CLI::App& command, const std::string& name, Output& output);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_OUTPUT_OPTION_H_
