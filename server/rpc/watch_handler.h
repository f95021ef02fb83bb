#ifndef CALIPERS_SERVER_RPC_WATCH_HANDLER_H_
#define CALIPERS_SERVER_RPC_WATCH_HANDLER_H_

#include <functional>

#include "absl/status/status.h"
#include "calipers/v1/calibration.pb.h"
#include "server/session/session_table.h"

namespace calipers::server {

/// calipers.v1.Calibration.WatchSessions: gives `send` the sessions as they are, then a mark that
/// all were sent, then each session that changes. Ends with OK once `send` returns false, and with
/// the error of `interrupted` once it has one; it is asked a few times a second.
absl::Status WatchSessions(SessionTable& sessions, const v1::WatchSessionsRequest& request,
                           const std::function<bool(const v1::SessionEvent&)>& send,
                           const std::function<absl::Status()>& interrupted);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_WATCH_HANDLER_H_
