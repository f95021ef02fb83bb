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

/// Which sessions keep the fold of their prefix in memory: those used last, as many as
/// fit into a number of bytes. The others fold again, or read their checkpoint, when
/// they are asked. Thread-safe.
class FoldCache {
 public:
  explicit FoldCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// The session's fold was made or used just now. The one used last stays, however
  /// large it is.
  void Used(const std::shared_ptr<Session>& session) ABSL_LOCKS_EXCLUDED(mu_);

  /// Of the folds that are kept.
  std::size_t bytes() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    std::weak_ptr<Session> session;
    const Session* key;
    std::size_t bytes;
  };

  // Takes out those that no longer fit.
  std::vector<std::shared_ptr<Session>> EvictOverdue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::size_t max_bytes_;
  mutable absl::Mutex mu_;
  std::size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::list<Entry> by_use_ ABSL_GUARDED_BY(mu_);  // the one used last in front
  absl::flat_hash_map<const Session*, std::list<Entry>::iterator> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_FOLD_CACHE_H_
