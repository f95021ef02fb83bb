#include "server/rpc/watch_handler.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/status_macros.h"
#include "server/model/name_filter.h"
#include "server/rpc/proto_convert.h"
#include "server/session/change_feed.h"

namespace calipers::server {
namespace {

using Send = std::function<bool(const v1::SessionEvent&)>;

// After sending changes, the watch waits this long, so that further changes are sent together.
constexpr absl::Duration kGather = absl::Milliseconds(50);
// The interval at which a watch without changes calls `interrupted`.
constexpr absl::Duration kWatchPoll = absl::Milliseconds(200);

bool SendAll(const SessionTable& sessions, const NameFilter& filter, const Send& send) {
  v1::SessionEvent event;
  event.set_kind(v1::SessionEvent::KIND_CURRENT);
  const bool sent = ForEachSession(sessions, filter, [&](Session& session) {
    *event.mutable_session() = ToProto(session);
    return send(event);
  });
  v1::SessionEvent synced;
  synced.set_kind(v1::SessionEvent::KIND_SYNCED);
  return sent && send(synced);
}

bool SendOne(const SessionTable& sessions, const std::string& name, const Send& send) {
  v1::SessionEvent event;
  const absl::StatusOr<std::shared_ptr<Session>> session = sessions.Find(name);
  if (session.ok()) {
    event.set_kind(v1::SessionEvent::KIND_CURRENT);
    *event.mutable_session() = ToProto(**session);
  } else {
    event.set_kind(v1::SessionEvent::KIND_DELETED);
    event.mutable_session()->set_name(name);
  }
  return send(event);
}

}  // namespace

absl::Status WatchSessions(SessionTable& sessions, const v1::WatchSessionsRequest& request,
                           const Send& send, const std::function<absl::Status()>& interrupted) {
  ASSIGN_OR_RETURN(const NameFilter filter,
                   NameFilter::Make(request.parent(), request.module_glob()));
  // Subscribe before the first listing, so that no change between the two is missed.
  const std::unique_ptr<ChangeFeed::Subscription> changes = sessions.feed().Subscribe(filter);
  bool wanted = SendAll(sessions, filter, send);
  while (wanted) {
    RETURN_IF_ERROR(interrupted());
    const std::vector<std::string> names = changes->Poll(kWatchPoll);
    for (const std::string& name : names) wanted = wanted && SendOne(sessions, name, send);
    if (!names.empty()) absl::SleepFor(kGather);
  }
  return absl::OkStatus();
}

}  // namespace calipers::server
