#ifndef CALIPERS_SERVER_RPC_WATCH_HANDLER_H_
#define CALIPERS_SERVER_RPC_WATCH_HANDLER_H_

#include <functional>

#include "absl/status/status.h"
#include "calipers/v1/calibration.pb.h"
#include "server/session/session_table.h"

namespace calipers::server {

/// calipers.v1.Calibration.WatchSessions: passes to `send` the current sessions, then a mark that
/// all were sent, then each session that changes. Returns OK when `send` returns false, and the
/// status of `interrupted` when it is not OK. `interrupted` is called a few times a second.
absl::Status WatchSessions(SessionTable& sessions, const v1::WatchSessionsRequest& request,
                           const std::function<bool(const v1::SessionEvent&)>& send,
                           const std::function<absl::Status()>& interrupted);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_WATCH_HANDLER_H_
