#ifndef CALIPERS_SERVER_MEMORY_STORE_H_
#define CALIPERS_SERVER_MEMORY_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/store.h"

namespace calipers::server {

/// Records in memory, up to a number of bytes; gone with the process.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  absl::StatusOr<SeriesId> CreateSeries() override;
  absl::Status DeleteSeries(SeriesId id) override;
  absl::StatusOr<PutOutcome> PutIfAbsent(SeriesId id, BatchIndex index,
                                         std::shared_ptr<const Record> record) override;
  absl::Status Scan(
      SeriesId id, BatchIndex from,
      absl::FunctionRef<void(BatchIndex, std::shared_ptr<const Record>)> visit) const override;

  /// Bytes that the records take now.
  std::int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Series {
    absl::Mutex mu;
    absl::btree_map<BatchIndex, std::shared_ptr<const Record>> records ABSL_GUARDED_BY(mu);
    // Kept free for the session's fold; 0 until a record has parameters.
    std::int64_t fold_bytes ABSL_GUARDED_BY(mu) = 0;
    bool deleted ABSL_GUARDED_BY(mu) = false;
  };

  std::shared_ptr<Series> Find(SeriesId id) const ABSL_LOCKS_EXCLUDED(mu_);
  // Takes `size` of the budget; false, and nothing, if it is not there.
  bool Reserve(std::int64_t size);

  const std::int64_t max_bytes_;
  std::atomic<std::int64_t> bytes_{0};
  mutable absl::Mutex mu_;
  std::uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<SeriesId, std::shared_ptr<Series>> series_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MEMORY_STORE_H_
