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

/// Writes the qparams of these sessions into a QParamsFile at `path`, for the one spec that
/// `options` has, and prints what it holds. The file is whole or not there: if sessions have
/// no answer, the first one's status is returned, with the names of the others.
absl::Status ExportQParams(const Client& client, const Global& global,
                           const QParamsOptions& options, const std::string& path,
                           const std::vector<v1::Session>& sessions);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_EXPORT_QPARAMS_H_
