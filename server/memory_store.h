#ifndef CALIPERS_SERVER_MEMORY_STORE_H_
#define CALIPERS_SERVER_MEMORY_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "server/store.h"

namespace calipers::server {

/// Records in memory, up to a number of bytes; gone with the process.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  bool IsImmediate() const override { return true; }
  absl::Status ForEachSession(absl::FunctionRef<void(StoredSession)> visit) override;
  absl::StatusOr<SeriesId> CreateSession(std::shared_ptr<const SessionIdentity> identity) override;
  absl::StatusOr<SeriesId> ResetSession(SeriesId series) override;
  absl::Status DeleteSession(SeriesId series) override;
  absl::Status DeleteRun(const RunName& run) override;
  std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) override;
  absl::StatusOr<std::unique_ptr<SeriesReader>> Read(SeriesId series, BatchIndex from) override;
  absl::StatusOr<std::int64_t> Seal(SeriesId series, std::optional<std::int64_t> count) override;
  absl::Status WriteCheckpoint(SeriesId series, const Checkpoint& checkpoint,
                               bool drop_values) override;
  absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint(SeriesId series) override;
  absl::StatusOr<Backup> CreateBackup(const std::string& id) override;

  /// Bytes that the records take now.
  std::int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Series {
    explicit Series(std::shared_ptr<const SessionIdentity> of) : identity(std::move(of)) {}

    const std::shared_ptr<const SessionIdentity> identity;
    absl::Mutex mu;
    absl::btree_map<BatchIndex, std::shared_ptr<const Observed>> records ABSL_GUARDED_BY(mu);
    std::optional<std::int64_t> sealed_count ABSL_GUARDED_BY(mu);
    // What stands for values that were dropped.
    std::unique_ptr<const Checkpoint> checkpoint ABSL_GUARDED_BY(mu);
    // Kept free for the session's fold; 0 until a record has parameters.
    std::int64_t fold_bytes ABSL_GUARDED_BY(mu) = 0;
    bool deleted ABSL_GUARDED_BY(mu) = false;
  };
  class Reader;

  std::shared_ptr<Series> Find(SeriesId id) const ABSL_LOCKS_EXCLUDED(mu_);
  // Out of the tables; null if it is not there.
  std::shared_ptr<Series> Extract(SeriesId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SeriesId Insert(std::shared_ptr<const SessionIdentity> identity)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives back what the records took; whoever still holds the series finds it deleted.
  void Empty(Series& series);
  PutResult Put(Series& series, const NewRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(series.mu);
  // Takes `size` of the budget; false, and nothing, if it is not there.
  bool Reserve(std::int64_t size);

  const std::int64_t max_bytes_;
  std::atomic<std::int64_t> bytes_{0};
  mutable absl::Mutex mu_;
  std::uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<SeriesId, std::shared_ptr<Series>> series_ ABSL_GUARDED_BY(mu_);
  // By full name.
  absl::flat_hash_map<std::string, absl::flat_hash_set<SeriesId>> runs_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MEMORY_STORE_H_
