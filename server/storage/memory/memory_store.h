#ifndef CALIPERS_SERVER_STORAGE_MEMORY_MEMORY_STORE_H_
#define CALIPERS_SERVER_STORAGE_MEMORY_MEMORY_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/memory/memory_series.h"
#include "server/storage/series_map.h"
#include "server/storage/store.h"

namespace calipers::server {

/// A store in memory. Its records may take up to `max_bytes` bytes. All data are lost when the
/// process ends.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::int64_t max_bytes) : budget_(max_bytes) {}

  bool IsImmediate() const override { return true; }
  absl::Status ForEachSession(absl::FunctionRef<void(StoredSession)> visit) override;
  absl::StatusOr<SeriesId> CreateSession(std::shared_ptr<const SessionIdentity> identity) override
      ABSL_LOCKS_EXCLUDED(runs_mu_);
  absl::StatusOr<SeriesId> ResetSession(SeriesId series) override;
  absl::Status DeleteSession(SeriesId series) override;
  absl::Status DeleteRun(const RunName& run) override ABSL_LOCKS_EXCLUDED(runs_mu_);
  std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) override;
  absl::Status CheckFits(SeriesId series, const RecordForm& form) override;
  absl::StatusOr<SeriesFacts> Facts(SeriesId series) override;
  absl::StatusOr<SeriesSummary> Summary(SeriesId series) override;
  absl::StatusOr<std::unique_ptr<SeriesReader>> Read(SeriesId series, BatchIndex from) override;
  std::vector<absl::StatusOr<std::int64_t>> SealAll(absl::Span<const SeriesId> series,
                                                    std::optional<std::int64_t> count) override;
  absl::Status WriteCheckpoint(SeriesId series, const Checkpoint& checkpoint,
                               bool drop_values) override;
  absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint(SeriesId series) override;
  absl::StatusOr<Backup> CreateBackup(const std::string& id) override;

  /// The bytes that the records take now.
  std::int64_t bytes() const { return budget_.reserved(); }

 private:
  std::shared_ptr<MemoryRun> FindOrMakeRun(absl::string_view name) ABSL_LOCKS_EXCLUDED(runs_mu_);

  ByteBudget budget_;
  std::atomic<std::uint64_t> next_id_{1};
  SeriesMap<MemorySeries> series_;
  absl::Mutex runs_mu_;
  absl::flat_hash_map<std::string, std::shared_ptr<MemoryRun>> runs_ ABSL_GUARDED_BY(runs_mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_MEMORY_MEMORY_STORE_H_
