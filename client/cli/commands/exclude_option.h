#ifndef CALIPERS_CLIENT_CLI_COMMANDS_EXCLUDE_OPTION_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_EXCLUDE_OPTION_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "calipers/v1/session.pb.h"

namespace calipers::client {

/// Adds --exclude, which names records to be left out of a fold.
void AddExcludeOption(CLI::App& command, std::vector<std::string>& exclude);

/// The ranges that "3" and "10-20", both ends included, name. INVALID_ARGUMENT, quoting
/// the one that is none.
absl::StatusOr<std::vector<v1::IndexRange>> ParseExclude(const std::vector<std::string>& exclude);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_EXCLUDE_OPTION_H_
