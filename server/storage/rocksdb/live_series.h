#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_LIVE_SERIES_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_LIVE_SERIES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/model/index_set.h"
#include "server/model/series_facts.h"
#include "server/storage/pending_puts.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/store.h"

namespace calipers::server {

/// A run that the embedded store has.
struct LiveRun {
  explicit LiveRun(RunId run_id) : id(run_id) {}
  const RunId id;
  /// Its row is kept.
  std::atomic<bool> kept{false};
  /// None of its series is there any more, though some may still be found.
  std::atomic<bool> deleted{false};
  absl::Mutex mu;
  absl::btree_set<SeriesId> series ABSL_GUARDED_BY(mu);
};

/// A series that the embedded store has: little, for there may be a million. Its facts are
/// those of the records that are kept; they are read from the database when someone needs
/// them (LoadFacts), and again after a write failed. Thread-safe; no call waits for a device.
class LiveSeries {
 public:
  LiveSeries(SeriesId series_id, std::shared_ptr<const SessionIdentity> of,
             std::shared_ptr<LiveRun> in, std::optional<std::int64_t> sealed_count = std::nullopt)
      : id(series_id), identity(std::move(of)), run(std::move(in)), sealed_count_(sealed_count) {}

  const SeriesId id;
  const std::shared_ptr<const SessionIdentity> identity;
  const std::shared_ptr<LiveRun> run;
  /// Held by whoever reads the facts from the database or rewrites the series' rows, which
  /// may take long: nobody reads rows that are being rewritten.
  absl::Mutex load_mu;

  /// OK if the facts are in memory, DATA_LOSS if they are lost; nothing if they are still to
  /// be read.
  std::optional<absl::Status> Loaded() const ABSL_LOCKS_EXCLUDED(mu_);
  /// The facts that the database holds; `saved` of the records are in its row of facts.
  void SetFacts(SeriesFacts facts, std::int64_t saved) ABSL_LOCKS_EXCLUDED(mu_);
  /// The series is new: nothing is on disk to be read.
  void SetEmpty() { SetFacts({}, 0); }
  /// What is lost stays lost.
  void SetLost(absl::Status problem) ABSL_LOCKS_EXCLUDED(mu_);

  /// A copy of the facts; nothing if they are not in memory.
  std::optional<SeriesFacts> Facts() const ABSL_LOCKS_EXCLUDED(mu_);
  /// The facts of a series whose records cannot be counted, for this reason.
  SeriesFacts FactsWith(absl::Status problem) const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<std::int64_t> sealed_count() const ABSL_LOCKS_EXCLUDED(mu_);
  /// See Store::CheckFits.
  absl::Status CheckFits(const RecordForm& form) const ABSL_LOCKS_EXCLUDED(mu_);

  // The rest is for whoever holds the store's put_mu_, after LoadFacts: nobody else changes
  // which records the series has.

  /// See PendingPuts::Decide.
  PendingPuts::Decision Decide(PendingPuts& puts, const NewRecord& record) const
      ABSL_LOCKS_EXCLUDED(mu_);
  /// At how many records the series is to be sealed; see Store::Seal.
  absl::StatusOr<std::int64_t> DecideSeal(std::optional<std::int64_t> count) const
      ABSL_LOCKS_EXCLUDED(mu_);
  /// The facts with these records, if their row is due: it is to be written with them.
  std::optional<SeriesFacts> FactsToSave(const PendingPuts& puts) const ABSL_LOCKS_EXCLUDED(mu_);
  /// The records are kept, and the row of facts with them if it was due. Returns the
  /// series' summary.
  SeriesSummary Apply(const PendingPuts& puts, bool facts_saved) ABSL_LOCKS_EXCLUDED(mu_);
  /// The write of the records failed: the facts are to be read again. Returns the summary
  /// of before.
  SeriesSummary Unload(const PendingPuts& puts) ABSL_LOCKS_EXCLUDED(mu_);
  /// The seal is kept.
  void Seal(std::int64_t count) ABSL_LOCKS_EXCLUDED(mu_);

  /// A checkpoint was written, with a row of facts that has `saved` records. For whoever
  /// holds load_mu.
  void CheckpointWritten(BatchIndex end, std::int64_t saved) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  // Null while they are still to be read.
  std::unique_ptr<SeriesFacts> facts_ ABSL_GUARDED_BY(mu_);
  // Records that the row of facts has, at least.
  std::int64_t saved_ ABSL_GUARDED_BY(mu_) = 0;
  // Known without the facts, which have the same.
  std::optional<std::int64_t> sealed_count_ ABSL_GUARDED_BY(mu_);
  std::int64_t conflict_count_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status lost_ ABSL_GUARDED_BY(mu_);
};

/// Adds to `status`, which says what is wrong with a row of the series, whose it is and
/// what can be done about it.
absl::Status InSeries(const LiveSeries& series, const absl::Status& status);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_LIVE_SERIES_H_
