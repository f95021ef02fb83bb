#include "server/session_table.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

// A page looks at no more names than this, so that a filter that matches little
// does not hold the lock for a whole table.
constexpr std::size_t kMaxLookedAt = 20'000;

absl::StatusOr<std::shared_ptr<Session>> SameOrError(const std::shared_ptr<Session>& session,
                                                     const SessionSpec& spec) {
  if (session->spec() == spec) return session;
  return absl::AlreadyExistsError(
      absl::StrCat("session ", session->name().full(),
                   " exists with another spec: ", DescribeDifference(session->spec(), spec)));
}

absl::Status NoSession(absl::string_view full_name) {
  return absl::NotFoundError(
      absl::StrCat("there is no session ", full_name.substr(0, 700), " (create it first)"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Create(const SessionName& name,
                                                              const SessionSpec& spec) {
  RETURN_IF_ERROR(CheckSpec(name.base_name(), spec));
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mu_);
    if (auto it = sessions_.find(name.full()); it != sessions_.end()) {
      return SameOrError(it->second, spec);
    }
    if (sessions_.size() >= max_sessions_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("there are ", sessions_.size(),
                       " sessions, the limit of --max-sessions: delete a run or raise the limit"));
    }
    ASSIGN_OR_RETURN(const SeriesId series, store_->CreateSeries());
    session = std::make_shared<Session>(name, spec, absl::Now(), series, store_, &feed_);
    sessions_.emplace(name.full(), session);
  }
  feed_.Changed(name);
  return session;
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Find(absl::string_view full_name) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = sessions_.find(full_name);
  if (it == sessions_.end()) return NoSession(full_name);
  return it->second;
}

SessionTable::Page SessionTable::List(const NameFilter& filter, absl::string_view after,
                                      std::size_t limit) const {
  Page page;
  absl::ReaderMutexLock lock(&mu_);
  auto it = after < filter.prefix() ? sessions_.lower_bound(filter.prefix())
                                    : sessions_.upper_bound(after);
  for (std::size_t looked_at = 0;
       it != sessions_.end() && absl::StartsWith(it->first, filter.prefix()); ++it, ++looked_at) {
    if (page.sessions.size() == limit || looked_at == kMaxLookedAt) {
      page.next_after = std::prev(it)->first;
      break;
    }
    if (filter.Matches(it->second->name())) page.sessions.push_back(it->second);
  }
  return page;
}

absl::Status SessionTable::Delete(absl::string_view full_name) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mu_);
    const auto it = sessions_.find(full_name);
    if (it == sessions_.end()) return NoSession(full_name);
    session = std::move(it->second);
    sessions_.erase(it);
  }
  return session->Delete();
}

absl::Status SessionTable::DeleteRun(const RunName& run) {
  std::vector<std::shared_ptr<Session>> sessions;
  {
    absl::MutexLock lock(&mu_);
    const auto begin = sessions_.lower_bound(run.SessionPrefix());
    auto end = begin;
    for (; end != sessions_.end() && absl::StartsWith(end->first, run.SessionPrefix()); ++end) {
      sessions.push_back(end->second);
    }
    sessions_.erase(begin, end);
  }
  if (sessions.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no run ", run.full()));
  }
  for (const auto& session : sessions) RETURN_IF_ERROR(session->Delete());
  return absl::OkStatus();
}

}  // namespace calipers::server
