#include "server/session/session_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

// Maximum number of names that a page examines, so that a filter with few matches does not hold the
// lock for a whole table.
constexpr std::size_t kMaxLookedAt = 20'000;
// Maximum number of sessions of a deleted run that are removed under one lock, for the same reason.
constexpr std::size_t kMaxDetached = 2000;

absl::StatusOr<std::shared_ptr<Session>> SameOrError(const std::shared_ptr<Session>& session,
                                                     const SessionSpec& spec) {
  if (session->spec() == spec) return session;
  return absl::AlreadyExistsError(absl::StrCat(
      "session ", session->name().full(), " exists with another spec: ",
      DescribeDifference(session->spec(), spec), " (use the existing spec, or another run)"));
}

absl::Status NoSession(absl::string_view full_name) {
  return absl::NotFoundError(
      absl::StrCat("there is no session ", full_name.substr(0, 700), " (create it first)"));
}

}  // namespace

absl::Status SessionTable::Restore() {
  std::vector<std::pair<absl::string_view, Entry>> sessions;
  RETURN_IF_ERROR(store_->ForEachSession([&](StoredSession stored) {
    auto session = std::make_shared<Session>(std::move(stored), store_, &feed_);
    sessions.emplace_back(NameOf(session), std::move(session));
  }));
  // In sorted order, each session is inserted at the end. In another order, each needs a search,
  // which takes most of a start with a million sessions.
  std::sort(sessions.begin(), sessions.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  absl::MutexLock lock(&mu_);
  for (auto& [name, session] : sessions) {
    in_order_.insert(in_order_.end(), session);
    by_name_.insert(std::move(session));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Create(const SessionName& name,
                                                              const SessionSpec& spec) {
  RETURN_IF_ERROR(CheckSpec(name.base_name(), spec));
  const absl::ReaderMutexLock lifecycle_lock(&lifecycle_mu_);
  ASSIGN_OR_RETURN(const Entry there, Claim(name));
  if (there != nullptr) return SameOrError(there, spec);
  const auto identity =
      std::make_shared<const SessionIdentity>(SessionIdentity{name, spec, absl::Now()});
  const absl::StatusOr<SeriesId> series = store_->CreateSession(identity);
  Entry session;
  {
    absl::MutexLock lock(&mu_);
    claimed_.erase(name.full());
    if (!series.ok()) return series.status();
    session =
        std::make_shared<Session>(StoredSession{identity, *series, std::nullopt}, store_, &feed_);
    Insert(session);
  }
  feed_.Changed(name);
  return session;
}

absl::StatusOr<SessionTable::Entry> SessionTable::Claim(const SessionName& name) {
  absl::MutexLock lock(&mu_);
  const auto unclaimed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !claimed_.contains(name.full());
  };
  mu_.Await(absl::Condition(&unclaimed));
  if (const auto it = by_name_.find(name.full()); it != by_name_.end()) return *it;
  if (by_name_.size() + claimed_.size() >= max_sessions_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", by_name_.size(),
                     " sessions, the limit of --max-sessions: delete a run or raise the limit"));
  }
  claimed_.insert(name.full());
  return nullptr;
}

void SessionTable::Insert(const Entry& session) {
  by_name_.insert(session);
  in_order_.insert(session);
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
  const absl::MutexLock lifecycle_lock(&lifecycle_mu_);
  ASSIGN_OR_RETURN(const Entry session, Find(full_name));
  RETURN_IF_ERROR(session->Delete());
  absl::MutexLock lock(&mu_);
  by_name_.erase(session);
  in_order_.erase(session);
  return absl::OkStatus();
}

absl::Status SessionTable::DeleteRun(const RunName& run) {
  const absl::MutexLock lifecycle_lock(&lifecycle_mu_);
  RETURN_IF_ERROR(store_->DeleteRun(run));
  bool any = false;
  while (true) {
    const std::vector<Entry> sessions = DetachSome(run);
    if (sessions.empty()) break;
    any = true;
    for (const Entry& session : sessions) session->MarkDeleted();
  }
  if (any) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no run ", run.full()));
}

std::vector<SessionTable::Entry> SessionTable::DetachSome(const RunName& run) {
  std::vector<Entry> sessions;
  absl::MutexLock lock(&mu_);
  const auto begin = in_order_.lower_bound(run.SessionPrefix());
  auto end = begin;
  for (; end != in_order_.end() && sessions.size() < kMaxDetached &&
         absl::StartsWith(NameOf(*end), run.SessionPrefix());
       ++end) {
    sessions.push_back(*end);
    by_name_.erase(*end);
  }
  in_order_.erase(begin, end);
  return sessions;
}

}  // namespace calipers::server
