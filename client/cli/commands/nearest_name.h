#ifndef CALIPERS_CLIENT_CLI_COMMANDS_NEAREST_NAME_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_NEAREST_NAME_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace calipers::client {

/// The name that `given` most likely stands for: the one with the least number of inserted, deleted
/// and replaced characters, if that is at most 2 and less than the length of `given`; otherwise "".
std::string NearestName(absl::string_view given, const std::vector<std::string>& names);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_NEAREST_NAME_H_
