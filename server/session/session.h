#ifndef CALIPERS_SERVER_SESSION_SESSION_H_
#define CALIPERS_SERVER_SESSION_SESSION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/reduce/geometry.h"
#include "core/reduce/record.h"
#include "server/model/coverage.h"
#include "server/model/index_set.h"
#include "server/model/names.h"
#include "server/model/observation_header.h"
#include "server/model/series_facts.h"
#include "server/model/session_spec.h"
#include "server/session/answers.h"
#include "server/session/change_feed.h"
#include "server/session/count_waiter.h"
#include "server/session/series_fold.h"
#include "server/session/series_prefix.h"
#include "server/storage/store.h"

namespace calipers::server {

/// A session: its spec, and the cached fold of its series' contiguous prefix. With the cache a
/// query folds only new records. The records of a prefix never change, so the cache is always
/// valid; it can be dropped at any time, and is checkpointed in the store. All other facts of the
/// series are in the store, and the session asks for them. Thread-safe. Tensors are reduced outside
/// of this class.
class Session {
 public:
  /// `store` and `feed` outlive the session.
  Session(StoredSession stored, Store* store, ChangeFeed* feed);

  const SessionIdentity& identity() const { return *identity_; }
  const SessionName& name() const { return identity_->name; }
  const SessionSpec& spec() const { return identity_->spec; }

  // The calls of a stream. None of them waits for a device.

  /// The reduction geometry of a tensor observed by this session. INVALID_ARGUMENT if the dtype or
  /// shape does not fit the spec.
  absl::StatusOr<View> ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const;

  /// The current series, for an observation that begins now. NOT_FOUND if the session was deleted.
  absl::StatusOr<SeriesId> CurrentSeries() const ABSL_LOCKS_EXCLUDED(mu_);

  /// See Store::CheckFits. A refused tensor need not be received.
  absl::Status CheckFits(SeriesId series, Dtype dtype, const View& view) const;

  /// The current series, for an observation that began in `series`. ABORTED if the session was
  /// reset since then.
  absl::StatusOr<SeriesId> StillCurrent(SeriesId series) const ABSL_LOCKS_EXCLUDED(mu_);

  /// INVALID_ARGUMENT if the spec's non_finite_policy refuses the record.
  absl::Status CheckPolicy(const Record& record) const;

  /// The acknowledgement of a record that was put into `series` with this result; its ordinal is
  /// not set. Wakes the calls that wait for the record.
  Ack Acknowledge(SeriesId series, const PutResult& result) ABSL_LOCKS_EXCLUDED(mu_);

  /// Returns true once for each checkpoint that is due: when so many records came since the
  /// last one.
  bool ClaimDueCheckpoint() { return checkpoint_due_.exchange(false); }
  /// Folds the new records of the prefix and writes the checkpoint to the store.
  absl::Status CheckpointNow() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  // The other calls may wait for a device.

  SessionSnapshot Snapshot() const ABSL_LOCKS_EXCLUDED(mu_);
  SessionCoverage Coverage() const ABSL_LOCKS_EXCLUDED(mu_);

  /// The fold, in index order, of all records present. FAILED_PRECONDITION, with the reason, if
  /// there are no records to fold.
  absl::StatusOr<MinMaxAnswer> GetMinMax() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  /// The result of another fold. INVALID_ARGUMENT for an unknown observer or an invalid constant;
  /// FAILED_PRECONDITION if the session's retention is not SERIES.
  absl::StatusOr<MinMaxAnswer> GetMinMax(const FoldRequest& fold) ABSL_LOCKS_EXCLUDED(mu_);

  /// The moving averages for these constants; see core/fold/sweep.h.
  absl::StatusOr<SweepAnswer> Sweep(const std::vector<double>& averaging_constants,
                                    const std::vector<IndexRange>& exclude)
      ABSL_LOCKS_EXCLUDED(mu_);

  /// The records from index `from` on, as of now.
  absl::StatusOr<std::unique_ptr<SeriesReader>> ReadSeries(BatchIndex from)
      ABSL_LOCKS_EXCLUDED(mu_);

  /// See Store::Seal. Returns the count.
  absl::StatusOr<std::int64_t> Seal(std::optional<std::int64_t> count) ABSL_LOCKS_EXCLUDED(mu_);

  /// Seals many sessions of one store. Returns one result for each session, in order.
  static std::vector<absl::StatusOr<std::int64_t>> SealAll(
      absl::Span<const std::shared_ptr<Session>> sessions, std::optional<std::int64_t> count);

  /// True if the session holds at least `count` records.
  bool HasCount(std::int64_t count) const ABSL_LOCKS_EXCLUDED(mu_);

  /// Waits until the session holds `count` records. DEADLINE_EXCEEDED, with the current count, at
  /// `deadline`; NOT_FOUND if the session is deleted during the wait; the status of `interrupted`,
  /// which is called a few times a second, when it is not OK.
  absl::Status WaitForCount(std::int64_t count, absl::Time deadline,
                            const std::function<absl::Status()>& interrupted)
      ABSL_LOCKS_EXCLUDED(mu_);

  /// The size of the cached fold in bytes. DropFold drops it, and the next query restores it from
  /// the store.
  std::size_t FoldBytes() ABSL_LOCKS_EXCLUDED(fold_mu_);
  void DropFold() ABSL_LOCKS_EXCLUDED(fold_mu_);

  /// Deletes the records. NOT_FOUND if the session was deleted.
  absl::Status Reset() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  /// Deletes the session in the store. A deleted session refuses records.
  absl::Status Delete() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);
  /// Marks the session as deleted after the store has deleted it.
  void MarkDeleted() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

 private:
  // A snapshot of the series, which can be read without a lock.
  struct Moment {
    SeriesId series;
    Progress progress;
    std::vector<std::int64_t> qparam_shape;
    IndexSet indices;  // if the series has gaps
    // Null if there are no records to read.
    std::unique_ptr<SeriesReader> reader;

    // Reads the next record of the snapshot; false at the end.
    absl::StatusOr<bool> Next(SeriesReader::Entry& entry);
  };

  // Reports that a put left `series` with this summary.
  void Reached(SeriesId series, const SeriesSummary& summary) ABSL_LOCKS_EXCLUDED(mu_);
  // The store's facts of `series`. They are empty if the series no longer exists: then the session
  // is being reset or deleted. `problem` names the session.
  SeriesFacts FactsOf(SeriesId series) const;
  // Their summary; `problem` is the status.
  absl::StatusOr<SeriesSummary> SummaryOf(SeriesId series) const;
  // The facts of the current series; empty if the session was deleted.
  SeriesFacts Facts() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Deleted() const;
  // The status of facts that cannot be read, with the session's name.
  absl::Status Unreadable(const absl::Status& problem) const;
  absl::Status NothingSeen(const SeriesCoverage& coverage) const;
  // FAILED_PRECONDITION if there are no records to fold.
  absl::StatusOr<Moment> Now(BatchIndex from) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<FoldSpec> SpecOf(const FoldRequest& request) const;
  absl::Status CheckWholeSeries() const;
  // Folds the snapshot's records into the prefix. Records after a gap are folded into a copy of
  // the prefix's fold, which is returned.
  absl::StatusOr<std::optional<SeriesFold>> FoldOn(Moment& moment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(fold_mu_);
  absl::Status RestorePrefix() ABSL_EXCLUSIVE_LOCKS_REQUIRED(fold_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  BatchIndex PrefixEnd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(fold_mu_);
  BatchIndex CheckpointEvery() const;

  const std::shared_ptr<const SessionIdentity> identity_;
  Store* const store_;
  ChangeFeed* const feed_;
  CountWaiter waiter_;

  // Locked before mu_. Queries of one session fold one after another; adding records does not wait
  // for them.
  absl::Mutex fold_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  // Null before the first query, which saves memory: a large model has many sessions.
  std::unique_ptr<SeriesPrefix> prefix_ ABSL_GUARDED_BY(fold_mu_);

  // Never held during a wait for a device.
  mutable absl::Mutex mu_;
  SeriesId series_ ABSL_GUARDED_BY(mu_);
  bool deleted_ ABSL_GUARDED_BY(mu_) = false;
  // The prefix length at which the next checkpoint is due.
  BatchIndex next_checkpoint_ ABSL_GUARDED_BY(mu_) = 0;
  std::atomic<bool> checkpoint_due_{false};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SESSION_H_
