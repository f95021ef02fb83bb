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
// For the same reason a run of a million sessions goes bit by bit.
constexpr std::size_t kMaxTaken = 2000;

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
    if (auto it = by_name_.find(name.full()); it != by_name_.end()) {
      return SameOrError(*it, spec);
    }
    if (by_name_.size() >= max_sessions_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("there are ", by_name_.size(),
                       " sessions, the limit of --max-sessions: delete a run or raise the limit"));
    }
    ASSIGN_OR_RETURN(const SeriesId series, store_->CreateSeries());
    session = std::make_shared<Session>(name, spec, absl::Now(), series, store_, &feed_);
    by_name_.insert(session);
    in_order_.insert(session);
  }
  feed_.Changed(name);
  return session;
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Find(absl::string_view full_name) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = by_name_.find(full_name);
  if (it == by_name_.end()) return NoSession(full_name);
  return *it;
}

SessionTable::Page SessionTable::List(const NameFilter& filter, absl::string_view after,
                                      std::size_t limit) const {
  Page page;
  absl::ReaderMutexLock lock(&mu_);
  auto it = after < filter.prefix() ? in_order_.lower_bound(filter.prefix())
                                    : in_order_.upper_bound(after);
  for (std::size_t looked_at = 0;
       it != in_order_.end() && absl::StartsWith(NameOf(*it), filter.prefix()); ++it, ++looked_at) {
    if (page.sessions.size() == limit || looked_at == kMaxLookedAt) {
      page.next_after = (*std::prev(it))->name().full();
      break;
    }
    if (filter.Matches((*it)->name())) page.sessions.push_back(*it);
  }
  return page;
}

absl::Status SessionTable::Delete(absl::string_view full_name) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mu_);
    const auto it = by_name_.find(full_name);
    if (it == by_name_.end()) return NoSession(full_name);
    session = *it;
    by_name_.erase(it);
    in_order_.erase(session);
  }
  return session->Delete();
}

absl::Status SessionTable::DeleteRun(const RunName& run) {
  bool any = false;
  while (true) {
    const std::vector<Entry> sessions = TakeSome(run);
    if (sessions.empty()) break;
    any = true;
    for (const Entry& session : sessions) RETURN_IF_ERROR(session->Delete());
  }
  if (any) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no run ", run.full()));
}

std::vector<SessionTable::Entry> SessionTable::TakeSome(const RunName& run) {
  std::vector<Entry> sessions;
  absl::MutexLock lock(&mu_);
  const auto begin = in_order_.lower_bound(run.SessionPrefix());
  auto end = begin;
  for (; end != in_order_.end() && sessions.size() < kMaxTaken &&
         absl::StartsWith(NameOf(*end), run.SessionPrefix());
       ++end) {
    sessions.push_back(*end);
    by_name_.erase(*end);
  }
  in_order_.erase(begin, end);
  return sessions;
}

}  // namespace calipers::server
