#ifndef CALIPERS_SERVER_RPC_SESSION_HANDLERS_H_
#define CALIPERS_SERVER_RPC_SESSION_HANDLERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "server/session/session_table.h"

namespace calipers::server {

// The calls of calipers.v1.Calibration that create, list, reset and delete sessions, one function
// for each call. calibration.proto lists the errors of each call.

absl::StatusOr<v1::Session> CreateSession(SessionTable& sessions,
                                          const v1::CreateSessionRequest& request);

absl::StatusOr<v1::Session> GetSession(const SessionTable& sessions, const std::string& name);

absl::StatusOr<v1::ListSessionsResponse> ListSessions(const SessionTable& sessions,
                                                      const v1::ListSessionsRequest& request);

absl::StatusOr<v1::Session> ResetSession(const SessionTable& sessions, const std::string& name);

absl::Status DeleteSession(SessionTable& sessions, const std::string& name);

absl::Status DeleteRun(SessionTable& sessions, const std::string& name);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_SESSION_HANDLERS_H_
