#ifndef CALIPERS_CLIENT_CLI_COMMANDS_EXPORT_QPARAMS_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_EXPORT_QPARAMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "calipers/v1/session.pb.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/qparams_options.h"
#include "client/library/client.h"

namespace calipers::client {

/// Writes the qparams of `sessions` into a QParamsFile at `path`, for the one spec in `options`,
/// and prints a summary. If a session has no answer, no file is written, and the status is that
/// of the first such session, with the names of the others.
absl::Status ExportQParams(const Client& client, const Global& global,
                           const QParamsOptions& options, const std::string& path,
                           const std::vector<v1::Session>& sessions);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_EXPORT_QPARAMS_H_
