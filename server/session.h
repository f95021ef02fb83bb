#ifndef CALIPERS_SERVER_SESSION_H_
#define CALIPERS_SERVER_SESSION_H_

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
#include "core/geometry.h"
#include "core/observer.h"
#include "core/record.h"
#include "server/change_feed.h"
#include "server/index_set.h"
#include "server/names.h"
#include "server/observation.h"
#include "server/session_spec.h"
#include "server/store.h"

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
};

/// What a session answers; calipers.v1.MinMax says what each means.
struct MinMaxAnswer {
  std::vector<std::int64_t> qparam_shape;
  FoldedRange folded;
  ElementRange current;
  ElementRange current_global;
  Progress progress;
};

/// What one worker brought.
struct Tally {
  std::int64_t batches = 0;
  std::int64_t tokens = 0;

  /// Saturates: tokens are what headers claim.
  void Add(const Tally& other);
};

struct SessionCoverage {
  Tally total;
  std::int64_t empty_batches = 0;
  absl::btree_map<std::string, Tally> workers;
};

/// One session: its series in the store, how far it has come, and the fold of
/// its contiguous prefix, kept so that a query folds only what is new. The
/// prefix never changes once it is there, so the cache is never wrong; it could
/// be dropped at any time. Thread-safe; reducing happens outside of it.
class Session {
 public:
  /// `store` and `feed` outlive the session; `series` is empty.
  Session(SessionName name, SessionSpec spec, absl::Time create_time, SeriesId series, Store* store,
          ChangeFeed* feed);

  const SessionName& name() const { return name_; }
  const SessionSpec& spec() const { return spec_; }
  absl::Time create_time() const { return create_time_; }

  /// How a tensor that is observed here falls into parameters. INVALID_ARGUMENT if
  /// the dtype or shape does not fit the spec.
  absl::StatusOr<View> ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const;

  /// The series of the moment, which such a tensor may join; Reset begins another.
  /// INVALID_ARGUMENT if it does not fit the records that are there.
  absl::StatusOr<SeriesId> Admit(Dtype dtype, const View& view) const;

  /// Adds a record to the series; without an index, at its end. `qparam_shape`
  /// is that of the view it was reduced in. REJECTED, with ABORTED, if the session was
  /// reset since it was admitted to `admitted_to`. The ack's ordinal is left alone.
  Ack Add(std::optional<BatchIndex> index, const std::vector<std::int64_t>& qparam_shape,
          std::shared_ptr<const Record> record, const std::string& worker,
          std::optional<SeriesId> admitted_to = std::nullopt);

  SessionSnapshot Snapshot() const;
  SessionCoverage Coverage() const;

  /// The fold, in index order, of all records present. FAILED_PRECONDITION,
  /// with the reason, if there is nothing to fold.
  absl::StatusOr<MinMaxAnswer> GetMinMax() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  /// True if `count` records are there.
  bool HasCount(std::int64_t count) const;

  /// Waits until `count` records are there. DEADLINE_EXCEEDED, with the count
  /// there is, at `deadline`; NOT_FOUND if the session is deleted meanwhile;
  /// what `interrupted` says, once that is not OK (asked a few times a second).
  absl::Status WaitForCount(std::int64_t count, absl::Time deadline,
                            const std::function<absl::Status()>& interrupted) const;

  /// Drops the records. NOT_FOUND if the session was deleted.
  absl::Status Reset() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

  /// Drops the records and takes no more; to be called once the session cannot
  /// be found any longer.
  absl::Status Delete() ABSL_LOCKS_EXCLUDED(fold_mu_, mu_);

 private:
  // The fold over a stretch of the series.
  struct Fold {
    std::unique_ptr<Observer> observer;
    std::shared_ptr<const Record> last;
    void Add(const SessionSpec& spec, const std::shared_ptr<const Record>& record);
  };
  // What was counted since the session was created or reset.
  struct Series {
    SeriesId id;
    std::optional<Dtype> dtype;
    std::optional<std::vector<std::int64_t>> qparam_shape;
    IndexSet indices;
    Progress progress;
    std::int64_t empty_batches = 0;
    absl::btree_map<std::string, Tally> workers;
  };

  Fold NewFold() const;
  absl::Status CheckFits(Dtype dtype, bool empty,
                         const std::vector<std::int64_t>& qparam_shape) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Count(BatchIndex index, const std::vector<std::int64_t>& qparam_shape, const Record& record,
             const std::string& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Tally& TallyOf(const std::string& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Progress ProgressLocked(std::size_t max_missing) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Deleted() const;
  absl::Status NothingSeen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SessionName name_;
  const SessionSpec spec_;
  const absl::Time create_time_;
  Store* const store_;
  ChangeFeed* const feed_;

  // Taken before mu_. Queries of one session fold one after another; adding
  // records does not wait for them.
  absl::Mutex fold_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  Fold prefix_ ABSL_GUARDED_BY(fold_mu_);
  BatchIndex prefix_end_ ABSL_GUARDED_BY(fold_mu_) = 0;

  mutable absl::Mutex mu_;
  Series series_ ABSL_GUARDED_BY(mu_);
  bool deleted_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_H_
