#ifndef CALIPERS_SERVER_SESSION_FOLD_CACHE_H_
#define CALIPERS_SERVER_SESSION_FOLD_CACHE_H_

#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/session/session.h"

namespace calipers::server {

/// Limits the memory of cached folds: keeps the folds of the most recently used sessions, up to a
/// number of bytes, and drops the others. A session without a cached fold reads its checkpoint at
/// the next query. Thread-safe.
class FoldCache {
 public:
  explicit FoldCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// The session's fold was just made or used. The most recently used fold is kept even if it is
  /// larger than the limit.
  void Used(const std::shared_ptr<Session>& session) ABSL_LOCKS_EXCLUDED(mu_);

  /// The size of the cached folds.
  std::size_t bytes() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    std::weak_ptr<Session> session;
    const Session* key;
    std::size_t bytes;
  };

  // Removes the entries beyond the limit.
  std::vector<std::shared_ptr<Session>> EvictOverdue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::size_t max_bytes_;
  mutable absl::Mutex mu_;
  std::size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::list<Entry> by_use_ ABSL_GUARDED_BY(mu_);  // most recently used first
  absl::flat_hash_map<const Session*, std::list<Entry>::iterator> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_FOLD_CACHE_H_
