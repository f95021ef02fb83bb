#include "server/session/fold_cache.h"

#include <utility>

namespace calipers::server {

void FoldCache::Used(const std::shared_ptr<Session>& session) {
  const std::size_t bytes = session->FoldBytes();
  std::vector<std::shared_ptr<Session>> overdue;
  {
    absl::MutexLock lock(&mu_);
    if (const auto it = entries_.find(session.get()); it != entries_.end()) {
      bytes_ -= it->second->bytes;
      by_use_.erase(it->second);
    }
    by_use_.push_front({session, session.get(), bytes});
    entries_[session.get()] = by_use_.begin();
    bytes_ += bytes;
    overdue = EvictOverdue();
  }
  // Outside of the lock, because DropFold waits for a running query of its session.
  for (const std::shared_ptr<Session>& other : overdue) other->DropFold();
}

std::vector<std::shared_ptr<Session>> FoldCache::EvictOverdue() {
  std::vector<std::shared_ptr<Session>> overdue;
  while (bytes_ > max_bytes_ && by_use_.size() > 1) {
    const Entry& entry = by_use_.back();
    bytes_ -= entry.bytes;
    // A session that no longer exists has no fold to drop.
    if (std::shared_ptr<Session> session = entry.session.lock()) {
      overdue.push_back(std::move(session));
    }
    entries_.erase(entry.key);
    by_use_.pop_back();
  }
  return overdue;
}

std::size_t FoldCache::bytes() const {
  absl::MutexLock lock(&mu_);
  return bytes_;
}

}  // namespace calipers::server
