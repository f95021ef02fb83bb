#include "server/session/checkpointer.h"

#include <utility>

#include "absl/status/status.h"
#include "server/base/log.h"

namespace calipers::server {

Checkpointer::Checkpointer(FoldCache* folds) : folds_(folds), thread_([this] { Run(); }) {}

Checkpointer::~Checkpointer() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void Checkpointer::Add(std::shared_ptr<Session> session) {
  absl::MutexLock lock(&mu_);
  due_.push_back(std::move(session));
}

void Checkpointer::Run() {
  const auto something_to_do = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || !due_.empty();
  };
  while (true) {
    std::shared_ptr<Session> session;
    {
      absl::MutexLock lock(&mu_, absl::Condition(&something_to_do));
      if (stopping_) return;
      session = std::move(due_.front());
      due_.pop_front();
    }
    const absl::Status status = session->CheckpointNow();
    folds_->Used(session);
    // A session that was deleted or reset in the meantime needs no checkpoint.
    if (status.ok() || absl::IsNotFound(status)) continue;
    LogWarning("no checkpoint",
               {{"session", session->name().full()}, {"error", status.ToString()}});
  }
}

}  // namespace calipers::server
