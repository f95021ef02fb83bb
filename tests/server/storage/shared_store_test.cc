#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/memory/memory_store.h"
#include "tests/server/storage/store_contract.h"
#include "tests/support/store_wrapper.h"

// The contract for two servers, each with its own Store object, that share the stored data.
namespace calipers::server {
namespace {

// A server's view of shared data. In memory it has nothing of the series that it did not write to
// itself, so its CheckFits lags behind the other server.
class ServerView final : public testing::StoreWrapper {
 public:
  using StoreWrapper::StoreWrapper;

  std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) override {
    std::vector<PutResult> results = StoreWrapper::PutIfAbsent(records);
    absl::MutexLock lock(&mu_);
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (results[i].outcome == PutResult::kStored) known_.insert(records[i].series);
    }
    return results;
  }
  absl::Status CheckFits(SeriesId series, const RecordForm& form) override {
    {
      absl::MutexLock lock(&mu_);
      if (!known_.contains(series)) return absl::OkStatus();
    }
    return StoreWrapper::CheckFits(series, form);
  }

 private:
  absl::Mutex mu_;
  absl::flat_hash_set<SeriesId> known_ ABSL_GUARDED_BY(mu_);
};

class SharedHolder {
 public:
  Store& store() { return one_; }
  Store& another() { return other_; }

 private:
  const std::shared_ptr<Store> data_ = std::make_shared<MemoryStore>(std::int64_t{1} << 30);
  ServerView one_{data_};
  ServerView other_{data_};
};
INSTANTIATE_TYPED_TEST_SUITE_P(Shared, StoreContract, SharedHolder);

}  // namespace
}  // namespace calipers::server
