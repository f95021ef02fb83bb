#ifndef CALIPERS_SERVER_SESSION_SESSION_TABLE_H_
#define CALIPERS_SERVER_SESSION_SESSION_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/model/name_filter.h"
#include "server/model/names.h"
#include "server/model/session_spec.h"
#include "server/session/change_feed.h"
#include "server/session/session.h"
#include "server/storage/store.h"

namespace calipers::server {

/// All sessions by full name. Thread-safe. A deleted session stays valid for callers that hold it,
/// and refuses records.
class SessionTable {
 public:
  /// `store` outlives the table.
  SessionTable(Store* store, std::size_t max_sessions)
      : store_(store), max_sessions_(max_sessions) {
    // If the table grew later, all look-ups would wait: 170 ms at a million sessions.
    constexpr std::size_t kReserved = 2'000'000;
    by_name_.reserve(std::min(max_sessions, kReserved));
  }

  /// Loads the sessions of the store. Called at the start, before all other calls.
  absl::Status Restore();

  /// Creates the session, or returns the existing session with an equal spec. ALREADY_EXISTS,
  /// naming the difference, if it exists with another spec; INVALID_ARGUMENT if no observation
  /// could fit the spec; RESOURCE_EXHAUSTED if the table is full.
  absl::StatusOr<std::shared_ptr<Session>> Create(const SessionName& name, const SessionSpec& spec);

  /// NOT_FOUND if no session has this full name.
  absl::StatusOr<std::shared_ptr<Session>> Find(absl::string_view full_name) const;

  struct Page {
    std::vector<std::shared_ptr<Session>> sessions;
    /// The last name that was examined; empty at the end of the list.
    std::string next_after;
  };
  /// At most `limit` matching sessions after the name `after`, sorted by name. A page has fewer
  /// sessions if many sessions did not match.
  Page List(const NameFilter& filter, absl::string_view after, std::size_t limit) const;

  absl::Status Delete(absl::string_view full_name);
  /// NOT_FOUND if the run has no session.
  absl::Status DeleteRun(const RunName& run);

  ChangeFeed& feed() { return feed_; }

 private:
  using Entry = std::shared_ptr<Session>;
  // The containers compare sessions by their names, so that each name is stored once.
  static absl::string_view NameOf(absl::string_view name) { return name; }
  static absl::string_view NameOf(const Entry& session) { return session->name().full(); }
  struct ByName {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return NameOf(a) < NameOf(b);
    }
  };
  struct HashOfName {
    using is_transparent = void;
    template <class A>
    std::size_t operator()(const A& a) const {
      return absl::Hash<absl::string_view>()(NameOf(a));
    }
  };
  struct SameName {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return NameOf(a) == NameOf(b);
    }
  };

  // Adds a session if it is not in the table.
  void Insert(const Entry& session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Claims the name for a new session, or returns the existing session.
  absl::StatusOr<Entry> Claim(const SessionName& name) ABSL_LOCKS_EXCLUDED(mu_);
  // Removes some sessions of the run from the table; empty if none is left.
  std::vector<Entry> DetachSome(const RunName& run) ABSL_LOCKS_EXCLUDED(mu_);

  Store* const store_;
  const std::size_t max_sessions_;
  ChangeFeed feed_;
  // Held shared by calls that create sessions, because the store may wait for its device, and
  // exclusively by calls that delete sessions.
  absl::Mutex lifecycle_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  mutable absl::Mutex mu_;
  // The names of sessions that are being created.
  absl::flat_hash_set<std::string> claimed_ ABSL_GUARDED_BY(mu_);
  // The sessions are held twice: sorted for pages and runs, and hashed for the look-up of each
  // observation, whose cost must not depend on the number of sessions.
  absl::btree_set<Entry, ByName> in_order_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<Entry, HashOfName, SameName> by_name_ ABSL_GUARDED_BY(mu_);
};

/// Visits the matching sessions page by page, so that the table is locked only for short times.
/// `visit(absl::Span<const std::shared_ptr<Session>>)` returns false to stop; then ForEachPage
/// returns false.
template <typename Visit>
bool ForEachPage(const SessionTable& table, const NameFilter& filter, Visit visit) {
  constexpr std::size_t kPage = 1000;
  std::string after;
  do {
    SessionTable::Page page = table.List(filter, after, kPage);
    if (!visit(absl::MakeConstSpan(page.sessions))) return false;
    after = std::move(page.next_after);
  } while (!after.empty());
  return true;
}

/// Visits the matching sessions one by one with `visit(Session&)`, as ForEachPage.
template <typename Visit>
bool ForEachSession(const SessionTable& table, const NameFilter& filter, Visit visit) {
  return ForEachPage(table, filter, [&](absl::Span<const std::shared_ptr<Session>> page) {
    return std::all_of(page.begin(), page.end(),
                       [&](const std::shared_ptr<Session>& session) { return visit(*session); });
  });
}

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SESSION_TABLE_H_
