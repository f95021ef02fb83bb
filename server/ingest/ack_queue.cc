#include "server/ingest/ack_queue.h"

#include <utility>

namespace calipers::server {

void AckQueue::Push(Ack ack) {
  absl::MutexLock lock(&mu_);
  acks_.emplace_back(std::move(ack));
}

AckQueue::Slot AckQueue::Reserve() {
  absl::MutexLock lock(&mu_);
  acks_.emplace_back();
  return first_ + static_cast<Slot>(acks_.size()) - 1;
}

void AckQueue::Fill(std::vector<Filled> acks) {
  {
    absl::MutexLock lock(&mu_);
    for (Filled& filled : acks) {
      acks_[static_cast<std::size_t>(filled.slot - first_)] = std::move(filled.ack);
    }
  }
  on_ready_();
}

std::vector<Ack> AckQueue::Drain(std::size_t limit) {
  std::vector<Ack> ready;
  absl::MutexLock lock(&mu_);
  while (ready.size() < limit && !acks_.empty() && acks_.front()) {
    ready.push_back(*std::move(acks_.front()));
    acks_.pop_front();
    ++first_;
  }
  return ready;
}

std::size_t AckQueue::size() const {
  absl::MutexLock lock(&mu_);
  return acks_.size();
}

bool AckQueue::HasReady() const {
  absl::MutexLock lock(&mu_);
  return !acks_.empty() && acks_.front();
}

}  // namespace calipers::server
