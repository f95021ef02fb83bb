#ifndef CALIPERS_CLIENT_CLI_COMMANDS_EXCLUDE_OPTION_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_EXCLUDE_OPTION_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "calipers/v1/session.pb.h"

namespace calipers::client {

/// Adds --exclude, which names the records that a fold leaves out.
void AddExcludeOption(CLI::App& command, std::vector<std::string>& exclude);

/// Parses texts such as "3" and "10-20" (both ends included). INVALID_ARGUMENT, quoting the
/// text, if a text is not a range.
absl::StatusOr<std::vector<v1::IndexRange>> ParseExclude(const std::vector<std::string>& exclude);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_EXCLUDE_OPTION_H_
