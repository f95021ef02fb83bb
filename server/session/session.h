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

/// How far a series has come; calipers.v1.Progress says what each means.
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

/// A session at one moment.
struct SessionSnapshot {
  Progress progress;
  std::optional<Dtype> observed_dtype;
  std::optional<std::vector<std::int64_t>> qparam_shape;
  std::optional<std::int64_t> sealed_count;
  /// DATA_LOSS if the records cannot be read.
  absl::Status problem;
};

/// What a session answers; calipers.v1.MinMax says what each means.
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

/// Another fold than the session's own.
struct FoldRequest {
  /// Empty: the session's.
  std::string observer;
  std::optional<double> averaging_constant;
  std::vector<IndexRange> exclude;
  /// Of each record, before it is folded; of records with the session's qparam shape.
  std::optional<Coarsening> coarsening = {};
};

/// What many averaging constants give.
struct SweepAnswer {
  std::vector<std::int64_t> qparam_shape;
  std::vector<FoldedRange> folded;  // one a constant
  Progress progress;
};

/// One session: its series in the store, how far it has come, and the fold of
/// its contiguous prefix, kept so that a query folds only what is new. The
/// prefix never changes once it is there, so the cache is never wrong; it may
/// be dropped at any time, and is checkpointed in the store. Thread-safe; reducing
/// happens outside of it.
class Session {
 public:
  /// `store` and `feed` outlive the session. What `stored` holds is read from the
  /// store on the first need of it, if `is_new` does not say that it is empty.
  Session(StoredSession stored, bool is_new, Store* store, ChangeFeed* feed);

  const SessionIdentity& identity() const { return *identity_; }
  const SessionName& name() const { return identity_->name; }
  const SessionSpec& spec() const { return identity_->spec; }

  /// How a tensor that is observed here falls into parameters. INVALID_ARGUMENT if
  /// the dtype or shape does not fit the spec.
  absl::StatusOr<View> ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const;

  /// The series of the moment, if such a tensor may join it. INVALID_ARGUMENT if it
  /// does not fit the records that are there.
  absl::StatusOr<SeriesId> Admit(Dtype dtype, const View& view);

  /// Before a record is put into the store: the series that it goes to. `qparam_shape`
  /// is that of the view it was reduced in. As Admit, and ABORTED if the session was
  /// reset since it was admitted to `admitted_to`. Commit must follow.
  absl::StatusOr<SeriesId> Stage(const std::vector<std::int64_t>& qparam_shape,
                                 const Record& record,
                                 std::optional<SeriesId> admitted_to = std::nullopt);

  /// After it was put into `series`, with this result. The ack's ordinal is left alone.
  Ack Commit(SeriesId series, const SeriesRecord& observed, const PutResult& result);

  /// True, once, when so many records came since the last checkpoint that another is
  /// due.
  bool ClaimDueCheckpoint() { return checkpoint_due_.exchange(false); }
  /// Folds what is new of the prefix and keeps the fold in the store.
  absl::Status CheckpointNow() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  SessionSnapshot Snapshot();
  SessionCoverage Coverage();

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
  bool HasCount(std::int64_t count);

  /// Waits until `count` records are there. DEADLINE_EXCEEDED, with the count
  /// there is, at `deadline`; NOT_FOUND if the session is deleted meanwhile;
  /// what `interrupted` says, once that is not OK (asked a few times a second).
  absl::Status WaitForCount(std::int64_t count, absl::Time deadline,
                            const std::function<absl::Status()>& interrupted);

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
  // What was counted since the session was created or reset.
  struct Series {
    SeriesId id;
    // False until what the store holds has been counted; `problem` says why it cannot be.
    bool loaded = false;
    absl::Status problem = {};
    std::optional<std::int64_t> sealed_count = {};
    std::optional<Dtype> dtype = {};
    std::optional<std::vector<std::int64_t>> qparam_shape = {};
    IndexSet indices = {};
    SeriesCounts counts = {};
    std::int64_t conflict_count = 0;
    // Records on their way into the store. They fix dtype and qparam_shape, too.
    std::int64_t staged = 0;
    BatchIndex next_checkpoint = 0;
  };
  // Forgets what was counted: the store may hold more than it said.
  void Unload() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
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

  void EnsureLoaded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<SeriesId> SeriesToSeal() ABSL_LOCKS_EXCLUDED(mu_);
  // What the store sealed; the count.
  absl::StatusOr<std::int64_t> ApplySeal(SeriesId series, std::int64_t sealed)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Whether there is nothing more to wait for: the series has so many records, or is gone.
  bool ReachedCount(SeriesId series, std::int64_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Waits until that may be otherwise than it was.
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

  // Taken before mu_. Queries of one session fold one after another; adding
  // records does not wait for them.
  absl::Mutex fold_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  // None before the first question: most sessions of a large model wait for theirs.
  std::unique_ptr<SeriesPrefix> prefix_ ABSL_GUARDED_BY(fold_mu_);

  mutable absl::Mutex mu_;
  Series series_ ABSL_GUARDED_BY(mu_);
  bool deleted_ ABSL_GUARDED_BY(mu_) = false;
  std::atomic<bool> checkpoint_due_{false};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SESSION_H_
