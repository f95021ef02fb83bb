#ifndef CALIPERS_CLIENT_CLI_COMMANDS_WHOLE_NUMBER_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_WHOLE_NUMBER_H_

#include <CLI/CLI.hpp>
#include <cstdint>

namespace calipers::client {

/// Accepts a whole number that is at least `least`. CLI11's own checks say of everything else that
/// it is not in a range of 300 digits.
CLI::Validator WholeNumberFrom(std::int64_t least);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_WHOLE_NUMBER_H_
