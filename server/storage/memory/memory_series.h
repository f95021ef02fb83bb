#ifndef CALIPERS_SERVER_STORAGE_MEMORY_MEMORY_SERIES_H_
#define CALIPERS_SERVER_STORAGE_MEMORY_MEMORY_SERIES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "server/base/byte_budget.h"
#include "server/storage/store.h"

namespace calipers::server {

/// A run of the memory store.
struct MemoryRun {
  /// True if the run was deleted. Its series then refuse all records and queries.
  std::atomic<bool> deleted{false};
  absl::Mutex mu;
  /// The series of each session, by {module}/{base_name}. Each key is a view of the name in the
  /// identity of its series.
  absl::btree_map<absl::string_view, SeriesId> sessions ABSL_GUARDED_BY(mu);
};

/// A series of the memory store. It is small while it is empty, because there may be a million.
/// Thread-safe.
class MemorySeries {
 public:
  MemorySeries(SeriesId id, std::shared_ptr<const SessionIdentity> identity,
               std::shared_ptr<MemoryRun> run)
      : id_(id), identity_(std::move(identity)), run_(std::move(run)) {}

  SeriesId id() const { return id_; }
  const std::shared_ptr<const SessionIdentity>& identity() const { return identity_; }
  const std::shared_ptr<MemoryRun>& run() const { return run_; }

  /// See the functions of Store with the same names. All `records` belong to this series.
  void PutIfAbsent(absl::Span<const NewRecord> records, ByteBudget& budget,
                   std::vector<PutResult>& results) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::int64_t> Seal(std::optional<std::int64_t> count) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status WriteCheckpoint(const Checkpoint& checkpoint, bool drop_values, ByteBudget& budget)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckFits(const RecordForm& form) const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<SeriesFacts> Facts() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<SeriesSummary> Summary() const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<std::int64_t> sealed_count() const ABSL_LOCKS_EXCLUDED(mu_);

  /// Releases the series' bytes in the budget, and refuses further records. Existing readers
  /// continue.
  void Delete(ByteBudget& budget) ABSL_LOCKS_EXCLUDED(mu_);

  /// The number of records. Records that are put later have a greater `order`.
  absl::StatusOr<std::uint64_t> Now() const ABSL_LOCKS_EXCLUDED(mu_);
  /// Appends records from index `from` on to `entries`, but only records with an `order` of at most
  /// `now`, and only until `entries` has `limit` records.
  void Copy(BatchIndex from, std::uint64_t now, std::size_t limit,
            std::vector<SeriesReader::Entry>& entries) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Kept {
    std::shared_ptr<const SeriesRecord> observed;
    // One more than the number of records that were put before.
    std::uint64_t order = 0;
  };

  PutResult Put(const NewRecord& record, ByteBudget& budget) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsGone() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return deleted_ || run_->deleted; }

  const SeriesId id_;
  const std::shared_ptr<const SessionIdentity> identity_;
  const std::shared_ptr<MemoryRun> run_;
  mutable absl::Mutex mu_;
  // The facts of records_.
  SeriesFacts facts_ ABSL_GUARDED_BY(mu_);
  absl::btree_map<BatchIndex, Kept> records_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<const Checkpoint> checkpoint_ ABSL_GUARDED_BY(mu_);
  // The bytes that this series has reserved in the budget, including those for the session's fold.
  std::int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool has_fold_ ABSL_GUARDED_BY(mu_) = false;
  bool deleted_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_MEMORY_MEMORY_SERIES_H_
