#ifndef CALIPERS_CLIENT_COMMANDS_OUTPUT_OPTION_H_
#define CALIPERS_CLIENT_COMMANDS_OUTPUT_OPTION_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"

namespace calipers::client {

/// A file to be written.
struct Output {
  std::string path;
  bool overwrite = false;

  /// ALREADY_EXISTS if there is such a file and it may not be written over.
  absl::Status Check() const;
};

/// Adds `name`, which takes the file, and --force, which allows to write over it.
void AddOutputOption(CLI::App& command, const std::string& name, Output& output);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_COMMANDS_OUTPUT_OPTION_H_
