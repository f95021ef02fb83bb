#include "server/storage/group_commit.h"

#include <iterator>
#include <utility>

namespace calipers::server {

GroupCommit::GroupCommit(Store* store) : store_(store) {
  if (!store_->IsImmediate()) thread_ = std::thread([this] { Run(); });
}

GroupCommit::~GroupCommit() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void GroupCommit::Put(std::vector<NewRecord> records, Done done) {
  if (!thread_.joinable()) {
    std::move(done)(store_->PutIfAbsent(records));
    return;
  }
  absl::MutexLock lock(&mu_);
  waiting_.push_back({std::move(records), std::move(done)});
}

void GroupCommit::Run() {
  const auto something_to_do = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || !waiting_.empty();
  };
  while (true) {
    std::vector<Request> requests;
    {
      absl::MutexLock lock(&mu_, absl::Condition(&something_to_do));
      requests = std::exchange(waiting_, {});
    }
    if (requests.empty()) return;
    Commit(std::move(requests));
  }
}

void GroupCommit::Commit(std::vector<Request> requests) {
  std::vector<NewRecord> records;
  std::size_t count = 0;
  for (const Request& request : requests) count += request.records.size();
  records.reserve(count);
  for (Request& request : requests) {
    std::move(request.records.begin(), request.records.end(), std::back_inserter(records));
  }
  const std::vector<PutResult> results = store_->PutIfAbsent(records);
  auto rest = absl::MakeConstSpan(results);
  for (Request& request : requests) {
    std::move(request.done)(rest.first(request.records.size()));
    rest.remove_prefix(request.records.size());
  }
}

}  // namespace calipers::server
