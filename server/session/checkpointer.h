#ifndef CALIPERS_SERVER_SESSION_CHECKPOINTER_H_
#define CALIPERS_SERVER_SESSION_CHECKPOINTER_H_

#include <deque>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/session/fold_cache.h"
#include "server/session/session.h"

namespace calipers::server {

/// Writes checkpoints of sessions in the background, one after another. The destructor drops
/// pending checkpoints, because a checkpoint is only a cache. Thread-safe.
class Checkpointer {
 public:
  /// `folds` must outlive this object.
  explicit Checkpointer(FoldCache* folds);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  void Add(std::shared_ptr<Session> session);

 private:
  void Run();

  FoldCache* const folds_;
  absl::Mutex mu_;
  std::deque<std::shared_ptr<Session>> due_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_CHECKPOINTER_H_
