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
#include "server/model/index_set.h"
#include "server/model/names.h"
#include "server/model/observation_header.h"
#include "server/model/series_counts.h"
#include "server/model/series_facts.h"
#include "server/model/session_spec.h"
#include "server/session/answers.h"
#include "server/session/change_feed.h"
#include "server/session/count_waiter.h"
#include "server/session/series_fold.h"
#include "server/session/series_prefix.h"
#include "server/storage/store.h"

namespace calipers::server {

/// One session: its spec, and the fold of its series' contiguous prefix, kept so that a query
/// folds only what is new. Everything else that is known of the series the store knows: the
/// session asks it. The prefix never changes once it is there, so the fold is never wrong; it
/// may be dropped at any time, and is checkpointed in the store. Thread-safe; reducing
/// happens outside of it.
class Session {
 public:
  /// `store` and `feed` outlive the session.
  Session(StoredSession stored, Store* store, ChangeFeed* feed);

  const SessionIdentity& identity() const { return *identity_; }
  const SessionName& name() const { return identity_->name; }
  const SessionSpec& spec() const { return identity_->spec; }

  // What a stream asks about an observation. None of these waits for a device.

  /// How a tensor that is observed here falls into parameters. INVALID_ARGUMENT if
  /// the dtype or shape does not fit the spec.
  absl::StatusOr<View> ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const;

  /// The series of the moment, for an observation that begins now. NOT_FOUND if the session
  /// was deleted.
  absl::StatusOr<SeriesId> CurrentSeries() const ABSL_LOCKS_EXCLUDED(mu_);

  /// See Store::CheckFits: what is refused here need not be received.
  absl::Status CheckFits(SeriesId series, Dtype dtype, const View& view) const;

  /// The same for an observation that began in `series`. ABORTED if the session was reset
  /// since.
  absl::StatusOr<SeriesId> StillCurrent(SeriesId series) const ABSL_LOCKS_EXCLUDED(mu_);

  /// INVALID_ARGUMENT if the spec's non_finite_policy refuses the record.
  absl::Status CheckPolicy(const Record& record) const;

  /// What is to be said of a record that was put into `series` with this result. The ack's
  /// ordinal is left alone. Wakes who waits for the record.
  Ack Acknowledge(SeriesId series, const PutResult& result) ABSL_LOCKS_EXCLUDED(mu_);

  /// Returns true once for each checkpoint that is due: when so many records came since the
  /// last one.
  bool ClaimDueCheckpoint() { return checkpoint_due_.exchange(false); }
  /// Folds what is new of the prefix and keeps the fold in the store.
  absl::Status CheckpointNow() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  // What follows may wait for a device.

  SessionSnapshot Snapshot() const ABSL_LOCKS_EXCLUDED(mu_);
  SessionCoverage Coverage() const ABSL_LOCKS_EXCLUDED(mu_);

  /// The fold, in index order, of all records present. FAILED_PRECONDITION,
  /// with the reason, if there is nothing to fold.
  absl::StatusOr<MinMaxAnswer> GetMinMax() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  /// The same by another fold. INVALID_ARGUMENT for an observer or constant that is
  /// none; FAILED_PRECONDITION if the retention keeps no series.
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

  /// The same for each of many, which are of one store; in their order.
  static std::vector<absl::StatusOr<std::int64_t>> SealAll(
      absl::Span<const std::shared_ptr<Session>> sessions, std::optional<std::int64_t> count);

  /// True if `count` records are there.
  bool HasCount(std::int64_t count) const ABSL_LOCKS_EXCLUDED(mu_);

  /// Waits until `count` records are there. DEADLINE_EXCEEDED, with the count
  /// there is, at `deadline`; NOT_FOUND if the session is deleted meanwhile;
  /// what `interrupted` says, once that is not OK (asked a few times a second).
  absl::Status WaitForCount(std::int64_t count, absl::Time deadline,
                            const std::function<absl::Status()>& interrupted)
      ABSL_LOCKS_EXCLUDED(mu_);

  /// Bytes that the fold of the prefix takes, and forgetting it: the next query reads
  /// it from the store.
  std::size_t FoldBytes() ABSL_LOCKS_EXCLUDED(fold_mu_);
  void DropFold() ABSL_LOCKS_EXCLUDED(fold_mu_);

  /// Drops the records. NOT_FOUND if the session was deleted.
  absl::Status Reset() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  /// Drops the session in the store; then it takes no more records.
  absl::Status Delete() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);
  /// The same for one that the store has dropped already.
  void MarkDeleted() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

 private:
  // A series as of one moment, to be read without a lock.
  struct Moment {
    SeriesId series;
    Progress progress;
    std::vector<std::int64_t> qparam_shape;
    IndexSet indices;  // if the series has gaps
    // None if there is nothing to read.
    std::unique_ptr<SeriesReader> reader;

    // The next record that was there at the moment; false at the end.
    absl::StatusOr<bool> Next(SeriesReader::Entry& entry);
  };

  // What the store knows of `series`, which was the session's. A series that is gone holds
  // nothing: the session is being reset or deleted. Its `problem` names the session.
  SeriesFacts FactsOf(SeriesId series) const;
  // The same of the series of the moment; nothing of a session that was deleted.
  SeriesFacts Facts() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Deleted() const;
  absl::Status NothingSeen(const SeriesCounts& counts) const;
  // FAILED_PRECONDITION unless there is something to fold.
  absl::StatusOr<Moment> Now(BatchIndex from) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<FoldSpec> SpecOf(const FoldRequest& request) const;
  absl::Status CheckWholeSeries() const;
  // Folds the moment's records into the prefix, and what comes after a gap into a copy
  // of it, which is returned.
  absl::StatusOr<std::optional<SeriesFold>> FoldOn(Moment& moment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(fold_mu_);
  absl::Status RestorePrefix() ABSL_EXCLUSIVE_LOCKS_REQUIRED(fold_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  BatchIndex PrefixEnd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(fold_mu_);
  BatchIndex CheckpointEvery() const;

  const std::shared_ptr<const SessionIdentity> identity_;
  Store* const store_;
  ChangeFeed* const feed_;
  CountWaiter waiter_;

  // Taken before mu_. Queries of one session fold one after another; adding
  // records does not wait for them.
  absl::Mutex fold_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  // None before the first question: most sessions of a large model wait for theirs.
  std::unique_ptr<SeriesPrefix> prefix_ ABSL_GUARDED_BY(fold_mu_);

  // Never held while a device is waited for.
  mutable absl::Mutex mu_;
  SeriesId series_ ABSL_GUARDED_BY(mu_);
  bool deleted_ ABSL_GUARDED_BY(mu_) = false;
  // The prefix at which a checkpoint is due, if none was written since.
  BatchIndex next_checkpoint_ ABSL_GUARDED_BY(mu_) = 0;
  std::atomic<bool> checkpoint_due_{false};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SESSION_H_
