#ifndef CALIPERS_SERVER_STORAGE_STORE_H_
#define CALIPERS_SERVER_STORAGE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/model/index_set.h"
#include "server/model/series_facts.h"
#include "server/model/series_record.h"
#include "server/model/session_identity.h"

namespace calipers::server {

/// What a store answers for a series that was deleted or reset: NOT_FOUND.
absl::Status SeriesGone();

/// A session as a store has it.
struct StoredSession {
  std::shared_ptr<const SessionIdentity> identity;
  SeriesId series;
  std::optional<std::int64_t> sealed_count;
};

/// A record on its way into a series.
struct NewRecord {
  SeriesId series;
  /// Without one it goes to the end of the series.
  std::optional<BatchIndex> index;
  std::shared_ptr<const SeriesRecord> observed;
  /// Of the view that it was reduced in.
  std::vector<std::int64_t> qparam_shape = {};
};

/// What became of it.
struct PutResult {
  enum Outcome {
    kStored,
    kDuplicate,  // one with the same digest is there
    kConflict,   // one with another digest is there; it stays
    kRefused,    // `status` says why; nothing changed
    kUncertain,  // the write failed, as `status` says; it may be there all the same
  };
  Outcome outcome = kRefused;
  /// Where it is; -1 if it was refused and had none.
  BatchIndex index = -1;
  absl::Status status = {};
  /// The series after the call, if the record was stored, a duplicate or a conflict. A store
  /// that other servers write to may know of more records by then.
  SeriesSummary summary = {};
};

/// What stands for a series' first records, so that they need not be read again.
struct Checkpoint {
  /// It stands for records 0 .. prefix_end - 1.
  BatchIndex prefix_end = 0;
  /// What the session makes of them.
  std::string state;
};

/// Goes through records of a series in index order, as of the moment at which it
/// was made. Not thread-safe; its store must outlive it.
class SeriesReader {
 public:
  struct Entry {
    BatchIndex index = 0;
    std::shared_ptr<const SeriesRecord> observed;
  };
  virtual ~SeriesReader() = default;

  /// False at the end. DATA_LOSS, naming the record, if it cannot be read as it was
  /// written.
  virtual absl::StatusOr<bool> Next(Entry& entry) = 0;
};

/// Where sessions and their records are kept. Records are a grow-only map from
/// (series, index): one that is there never changes. Thread-safe.
///
/// The store owns what is known of a series. It decides in one step, at the moment of the
/// put, what becomes of a record, and whoever else has to know asks it: nobody keeps a second
/// account. Several servers may share what a store keeps, through a store object each; every
/// promise holds whichever of them is asked, unless it names this object.
///
/// What a call that changes something has said is kept as the store promises
/// (docs/durability.md) by the time at which it returns; a call that fails changes
/// nothing, and what it says names the next step.
class Store {
 public:
  virtual ~Store() = default;

  /// True if no call ever waits for a device, so that one may be made from a thread
  /// that must not wait.
  virtual bool IsImmediate() const = 0;

  /// Every session there is, in any order. For the start, before other calls.
  virtual absl::Status ForEachSession(absl::FunctionRef<void(StoredSession)> visit) = 0;

  /// Keeps a session with an empty series, and its run with the run's first. The
  /// caller sees to it that there is none of that name.
  virtual absl::StatusOr<SeriesId> CreateSession(
      std::shared_ptr<const SessionIdentity> identity) = 0;

  /// Gives the session an empty series in place of `series`, whose records go.
  /// NOT_FOUND if `series` is not there any more.
  virtual absl::StatusOr<SeriesId> ResetSession(SeriesId series) = 0;

  /// Forgets the session that has this series, and its records; nothing if it is not
  /// there.
  virtual absl::Status DeleteSession(SeriesId series) = 0;

  /// Forgets a run, its sessions and their records, at once and for good; nothing if it
  /// is not there.
  virtual absl::Status DeleteRun(const RunName& run) = 0;

  /// Keeps each record unless its index holds one; says for each, in their order, what
  /// became of it. A duplicate's original is kept by then as the store promises.
  /// Refusals: NOT_FOUND if the series is not there, INVALID_ARGUMENT if the record's dtype
  /// or qparam shape is not that of the records there, OUT_OF_RANGE if its index is none,
  /// FAILED_PRECONDITION if the series is sealed, RESOURCE_EXHAUSTED if there is no room,
  /// DATA_LOSS if the series cannot be read, and what a device reports.
  virtual std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) = 0;

  /// What PutIfAbsent would refuse a record of this form with, as far as this object knows
  /// without waiting for a device: OK may mean that it does not know. Never waits, so that a
  /// thread that must not wait can refuse a tensor before its data come.
  virtual absl::Status CheckFits(SeriesId series, const RecordForm& form) = 0;

  /// What is known of the series: no less than what any put said that returned before this
  /// call. Conflicts are those that this object met. NOT_FOUND if the series is not there.
  virtual absl::StatusOr<SeriesFacts> Facts(SeriesId series) = 0;

  /// The records from index `from` on.
  virtual absl::StatusOr<std::unique_ptr<SeriesReader>> Read(SeriesId series, BatchIndex from) = 0;

  /// Closes the series: from now on every index that it does not hold is refused.
  /// Without a count, at as many as its records reach to. FAILED_PRECONDITION, naming
  /// the missing ranges, unless records 0 .. count - 1 are there and no others; or,
  /// naming the count, if it is sealed at another. Returns the count.
  absl::StatusOr<std::int64_t> Seal(SeriesId series, std::optional<std::int64_t> count) {
    return std::move(SealAll({&series, 1}, count).front());
  }

  /// Closes each of them, or not, as Seal does, in one go; says for each, in their order,
  /// what became of it.
  virtual std::vector<absl::StatusOr<std::int64_t>> SealAll(absl::Span<const SeriesId> series,
                                                            std::optional<std::int64_t> count) = 0;

  /// Keeps `checkpoint` in place of the one before. With `drop_values`, what it stands
  /// for keeps no more than index and digest. A cache: it may be lost with a crash, but
  /// not without the values that it dropped.
  virtual absl::Status WriteCheckpoint(SeriesId series, const Checkpoint& checkpoint,
                                       bool drop_values) = 0;

  /// The series' checkpoint; nothing if there is none.
  virtual absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint(SeriesId series) = 0;

  /// What a backup is: its directory, and the bytes in it.
  struct Backup {
    std::string path;
    std::int64_t size_bytes = 0;
  };
  /// Copies all that was kept before the call into a directory of its own, named
  /// `id`, beside the data. ALREADY_EXISTS if that is there, FAILED_PRECONDITION if the
  /// store keeps nothing on disk.
  virtual absl::StatusOr<Backup> CreateBackup(const std::string& id) = 0;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_STORE_H_
