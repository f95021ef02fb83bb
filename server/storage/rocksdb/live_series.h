#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_LIVE_SERIES_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_LIVE_SERIES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/model/index_set.h"
#include "server/model/series_facts.h"
#include "server/storage/duplicate_check.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/store.h"

namespace calipers::server {

/// The number of records after which a series' facts row is written again. After a restart, up to
/// this many records have to be read. A row takes as long as several records, because it names
/// every worker.
inline constexpr std::int64_t kRecordsBetweenFactsRows = 256;

/// A run of the RocksDB store.
struct LiveRun {
  explicit LiveRun(RunId run_id) : id(run_id) {}
  const RunId id;
  /// True if the run's row is stored.
  std::atomic<bool> kept{false};
  /// True if the run was deleted. Its series may still be found for a short time.
  std::atomic<bool> deleted{false};
  absl::Mutex mu;
  /// The series of each session, by {module}/{base_name}. A session that is being created is in it,
  /// too. Each key is a view of the name in the identity of its series.
  absl::btree_map<absl::string_view, SeriesId> sessions ABSL_GUARDED_BY(mu);
};

/// A series of the RocksDB store. Small, because there may be a million. Its facts are read from
/// the database when they are needed (LoadFacts), and again after a failed write. Thread-safe. No
/// call waits for a device.
class LiveSeries {
 public:
  LiveSeries(SeriesId series_id, std::shared_ptr<const SessionIdentity> of,
             std::shared_ptr<LiveRun> in, std::optional<std::int64_t> sealed_count = std::nullopt)
      : id(series_id), identity(std::move(of)), run(std::move(in)), sealed_count_(sealed_count) {}

  const SeriesId id;
  const std::shared_ptr<const SessionIdentity> identity;
  const std::shared_ptr<LiveRun> run;
  /// Held during the reading of the facts from the database, and while the series' rows are
  /// rewritten. Both may take long, and rows are not read while they are rewritten.
  absl::Mutex load_mu;

  /// OK if the facts are in memory; DATA_LOSS if they are lost; no value if they must be read.
  std::optional<absl::Status> FactsStatus() const ABSL_LOCKS_EXCLUDED(mu_);
  /// Sets the facts as read from the database. The facts row covers `saved` of the records.
  void SetFacts(SeriesFacts facts, std::int64_t saved) ABSL_LOCKS_EXCLUDED(mu_);
  /// Sets the facts of a new series, which has no rows.
  void SetEmpty() { SetFacts({}, 0); }
  /// Marks the facts as lost, for good.
  void SetLost(absl::Status problem) ABSL_LOCKS_EXCLUDED(mu_);

  /// A copy of the facts, or their summary; no value if they are not in memory.
  std::optional<SeriesFacts> Facts() const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<SeriesSummary> Summary() const ABSL_LOCKS_EXCLUDED(mu_);
  /// The facts of a series whose records cannot be counted, with the reason.
  SeriesFacts FactsWith(absl::Status problem) const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<std::int64_t> sealed_count() const ABSL_LOCKS_EXCLUDED(mu_);
  /// See Store::CheckFits.
  absl::Status CheckFits(const RecordForm& form) const ABSL_LOCKS_EXCLUDED(mu_);

  // The other calls need the store's put_mu_, and LoadFacts before. Only the holder of put_mu_
  // changes the set of records.

  /// See DuplicateCheck::Decide.
  DuplicateCheck::Decision Decide(DuplicateCheck& puts, const NewRecord& record) const
      ABSL_LOCKS_EXCLUDED(mu_);
  /// The count at which the series is to be sealed; see Store::Seal.
  absl::StatusOr<std::int64_t> DecideSeal(std::optional<std::int64_t> count) const
      ABSL_LOCKS_EXCLUDED(mu_);
  /// The facts with these records, if the facts row is due. Write the row with the records.
  std::optional<SeriesFacts> FactsToSave(const DuplicateCheck& puts) const ABSL_LOCKS_EXCLUDED(mu_);
  /// Applies the records after they were stored, and the facts row with them if `facts_saved`.
  /// Returns the summary.
  SeriesSummary Apply(const DuplicateCheck& puts, bool facts_saved) ABSL_LOCKS_EXCLUDED(mu_);
  /// Drops the facts after a failed write, so that they are read again. Returns the summary before
  /// the write.
  SeriesSummary ForgetFacts(const DuplicateCheck& puts) ABSL_LOCKS_EXCLUDED(mu_);
  /// Applies the seal after it was stored.
  void Seal(std::int64_t count) ABSL_LOCKS_EXCLUDED(mu_);

  /// Applies a checkpoint after it was written together with a facts row that covers `saved`
  /// records. Needs load_mu.
  void CheckpointWritten(BatchIndex end, std::int64_t saved) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  // Null if the facts must be read.
  std::unique_ptr<SeriesFacts> facts_ ABSL_GUARDED_BY(mu_);
  // About the number of records that the facts row covers.
  std::int64_t saved_ ABSL_GUARDED_BY(mu_) = 0;
  // Also valid while facts_ is null; otherwise equal to the value in it.
  std::optional<std::int64_t> sealed_count_ ABSL_GUARDED_BY(mu_);
  std::int64_t conflict_count_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status lost_ ABSL_GUARDED_BY(mu_);
};

/// `status` about a row of the series, with the session's name and the next step added.
absl::Status InSeries(const LiveSeries& series, const absl::Status& status);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_LIVE_SERIES_H_
