#include "server/rpc/session_handlers.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/base/log.h"
#include "server/model/name_filter.h"
#include "server/model/names.h"
#include "server/rpc/proto_convert.h"

namespace calipers::server {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

}  // namespace

absl::StatusOr<v1::Session> CreateSession(SessionTable& sessions,
                                          const v1::CreateSessionRequest& request) {
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(request.parent()));
  ASSIGN_OR_RETURN(const SessionName name, SessionName::Make(run, request.session_id()));
  if (!request.session().name().empty() && request.session().name() != name.full()) {
    return absl::InvalidArgumentError(
        absl::StrCat("session.name differs from the name that parent and session_id give, ",
                     name.full(), "; leave it empty"));
  }
  ASSIGN_OR_RETURN(const SessionSpec spec, SpecFromProto(request.session()));
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Create(name, spec));
  LogDebug("session created", {{"session", session->name().full()}});
  return ToProto(*session);
}

absl::StatusOr<v1::Session> GetSession(const SessionTable& sessions, const std::string& name) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(name));
  return ToProto(*session);
}

absl::StatusOr<v1::ListSessionsResponse> ListSessions(const SessionTable& sessions,
                                                      const v1::ListSessionsRequest& request) {
  ASSIGN_OR_RETURN(const NameFilter filter,
                   NameFilter::Make(request.parent(), request.module_glob()));
  if (request.page_size() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size is ", request.page_size(), "; it must be at least 0"));
  }
  std::string after;
  if (!absl::WebSafeBase64Unescape(request.page_token(), &after)) {
    return absl::InvalidArgumentError(
        "page_token is not a next_page_token of ListSessions; leave it empty to start again");
  }
  const int size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  const SessionTable::Page page =
      sessions.List(filter, after, static_cast<std::size_t>(std::min(size, kMaxPageSize)));
  v1::ListSessionsResponse response;
  for (const std::shared_ptr<Session>& session : page.sessions) {
    *response.add_sessions() = ToProto(*session);
  }
  response.set_next_page_token(absl::WebSafeBase64Escape(page.next_after));
  return response;
}

absl::StatusOr<v1::Session> ResetSession(const SessionTable& sessions, const std::string& name) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(name));
  RETURN_IF_ERROR(session->Reset());
  LogInfo("session reset", {{"session", session->name().full()}});
  return ToProto(*session);
}

absl::Status DeleteSession(SessionTable& sessions, const std::string& name) {
  RETURN_IF_ERROR(sessions.Delete(name));
  LogInfo("session deleted", {{"session", name}});
  return absl::OkStatus();
}

absl::Status DeleteRun(SessionTable& sessions, const std::string& name) {
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(name));
  RETURN_IF_ERROR(sessions.DeleteRun(run));
  LogInfo("run deleted", {{"run", name}});
  return absl::OkStatus();
}

}  // namespace calipers::server
