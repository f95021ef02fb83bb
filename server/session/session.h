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
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/fold/observer.h"
#include "core/reduce/coarsening.h"
#include "core/reduce/geometry.h"
#include "core/reduce/record.h"
#include "server/model/index_set.h"
#include "server/model/names.h"
#include "server/model/observation_header.h"
#include "server/model/series_counts.h"
#include "server/model/series_record.h"
#include "server/model/session_spec.h"
#include "server/session/change_feed.h"
#include "server/session/series_fold.h"
#include "server/session/series_prefix.h"
#include "server/storage/store.h"

namespace calipers::server {

/// The progress of a series. calipers.v1.Progress describes the fields.
struct Progress {
  std::int64_t count = 0;
  std::int64_t folded_count = 0;
  BatchIndex contiguous_prefix = 0;
  BatchIndex end_index = 0;
  std::vector<IndexRange> missing;
  std::int64_t missing_range_count = 0;
  std::int64_t num_observations = 0;
  std::int64_t conflict_count = 0;
};

/// The state of a session at one moment.
struct SessionSnapshot {
  Progress progress;
  std::optional<Dtype> observed_dtype;
  std::optional<std::vector<std::int64_t>> qparam_shape;
  std::optional<std::int64_t> sealed_count;
  /// DATA_LOSS if the records cannot be read.
  absl::Status problem;
};

/// A session's answer. calipers.v1.MinMax describes the fields.
struct MinMaxAnswer {
  std::vector<std::int64_t> qparam_shape;
  FoldedRange folded;
  ElementRange current;
  ElementRange current_global;
  Progress progress;
};

struct SessionCoverage {
  Tally total;
  std::int64_t empty_batches = 0;
  absl::btree_map<std::string, Tally> workers;
};

/// A request for a fold other than the session's own.
struct FoldRequest {
  /// Empty: the session's observer.
  std::string observer;
  std::optional<double> averaging_constant;
  std::vector<IndexRange> exclude;
  /// Applied to each record before it is folded. Made for the session's qparam shape.
  std::optional<Coarsening> coarsening = {};
};

/// The moving averages for many averaging constants.
struct SweepAnswer {
  std::vector<std::int64_t> qparam_shape;
  std::vector<FoldedRange> folded;  // one a constant
  Progress progress;
};

/// A session: its series in the store, its progress, and the cached fold of its contiguous prefix.
/// With the cache a query folds only new records. The records of a prefix never change, so the
/// cache is always valid; it can be dropped at any time, and is checkpointed in the store.
/// Thread-safe. Tensors are reduced outside of this class.
class Session {
 public:
  /// `store` and `feed` outlive the session. `is_new` says that the series is empty; otherwise
  /// the session reads the series from the store when it is first needed.
  Session(StoredSession stored, bool is_new, Store* store, ChangeFeed* feed);

  const SessionIdentity& identity() const { return *identity_; }
  const SessionName& name() const { return identity_->name; }
  const SessionSpec& spec() const { return identity_->spec; }

  /// The reduction geometry of a tensor observed by this session. INVALID_ARGUMENT if the dtype or
  /// shape does not fit the spec.
  absl::StatusOr<View> ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const;

  /// The current series, if a tensor of this dtype and view fits it. INVALID_ARGUMENT if it does
  /// not fit the stored records.
  absl::StatusOr<SeriesId> Admit(Dtype dtype, const View& view);

  /// Prepares to put a record into the store, and returns its series. Commit must follow.
  /// `qparam_shape` is the shape of the view with which the tensor was reduced. Fails as Admit
  /// does, and with ABORTED if the session was reset after Admit returned `admitted_to`.
  absl::StatusOr<SeriesId> Stage(const std::vector<std::int64_t>& qparam_shape,
                                 const Record& record,
                                 std::optional<SeriesId> admitted_to = std::nullopt);

  /// Updates the session after the store put a record into `series` with this result. Returns the
  /// acknowledgement without its ordinal.
  Ack Commit(SeriesId series, const SeriesRecord& observed, const PutResult& result);

  /// Returns true once for each checkpoint that is due.
  bool ClaimDueCheckpoint() { return checkpoint_due_.exchange(false); }
  /// Folds the new records of the prefix and writes the checkpoint to the store.
  absl::Status CheckpointNow() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  SessionSnapshot Snapshot();
  SessionCoverage Coverage();

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
  bool HasCount(std::int64_t count);

  /// Waits until the session holds `count` records. DEADLINE_EXCEEDED, with the current count, at
  /// `deadline`; NOT_FOUND if the session is deleted during the wait; the status of `interrupted`,
  /// which is called a few times a second, when it is not OK.
  absl::Status WaitForCount(std::int64_t count, absl::Time deadline,
                            const std::function<absl::Status()>& interrupted);

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
  // The counted facts of the series since the session was created or reset.
  struct Series {
    SeriesId id;
    // True once the stored records are counted. If counting failed, `problem` holds the reason.
    bool loaded = false;
    absl::Status problem = {};
    std::optional<std::int64_t> sealed_count = {};
    std::optional<Dtype> dtype = {};
    std::optional<std::vector<std::int64_t>> qparam_shape = {};
    IndexSet indices = {};
    SeriesCounts counts = {};
    std::int64_t conflict_count = 0;
    // Records between Stage and Commit. They fix dtype and qparam_shape too.
    std::int64_t staged = 0;
    BatchIndex next_checkpoint = 0;
  };
  // Drops the counts, because the store may hold more records than it reported.
  void Unload() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
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

  void EnsureLoaded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<SeriesId> SeriesToSeal() ABSL_LOCKS_EXCLUDED(mu_);
  // Applies the store's seal, and returns the count.
  absl::StatusOr<std::int64_t> ApplySeal(SeriesId series, std::int64_t sealed)
      ABSL_LOCKS_EXCLUDED(mu_);
  // True if the wait is over: the series has `count` records, or was reset or deleted.
  bool ReachedCount(SeriesId series, std::int64_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Waits until the result of ReachedCount may have changed.
  void AwaitCount(SeriesId series, std::int64_t count, absl::Time deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckFits(Dtype dtype, bool empty,
                         const std::vector<std::int64_t>& qparam_shape) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Count(BatchIndex index, const SeriesRecord& observed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Progress ProgressLocked(std::size_t max_missing) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Deleted() const;
  absl::Status NothingSeen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
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

  // Locked before mu_. Queries of one session fold one after another; adding records does not wait
  // for them.
  absl::Mutex fold_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  // Null before the first query, which saves memory: a large model has many sessions.
  std::unique_ptr<SeriesPrefix> prefix_ ABSL_GUARDED_BY(fold_mu_);

  mutable absl::Mutex mu_;
  Series series_ ABSL_GUARDED_BY(mu_);
  bool deleted_ ABSL_GUARDED_BY(mu_) = false;
  std::atomic<bool> checkpoint_due_{false};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SESSION_H_
