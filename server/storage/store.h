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
#include "server/model/names.h"
#include "server/model/series_facts.h"
#include "server/model/series_record.h"
#include "server/model/session_identity.h"

namespace calipers::server {

/// The status for a series that was deleted or reset: NOT_FOUND.
absl::Status SeriesGone();

/// The status for a new session whose name is taken: ALREADY_EXISTS.
absl::Status SessionExists(const SessionName& name);

/// A stored session.
struct StoredSession {
  std::shared_ptr<const SessionIdentity> identity;
  SeriesId series;
  std::optional<std::int64_t> sealed_count;
};

/// A record to be put into a series.
struct NewRecord {
  SeriesId series;
  /// Default: the largest index of the series plus one.
  std::optional<BatchIndex> index;
  std::shared_ptr<const SeriesRecord> observed;
  /// The qparam shape of the view in which the tensor was reduced.
  Shape qparam_shape = {};
};

/// The result of putting a record.
struct PutResult {
  enum Outcome {
    kStored,
    kDuplicate,  // a record with the same digest is stored at the index
    kConflict,   // a record with another digest is stored at the index, and is kept
    kRefused,    // nothing changed; `status` holds the reason
    kUncertain,  // the write failed with `status`; the record may be stored or not
  };
  Outcome outcome = kRefused;
  /// The record's index; -1 if the record was refused and no index was given.
  BatchIndex index = -1;
  absl::Status status = {};
  /// The series after this record was put, or null. Among the results of a series that are
  /// kStored, kDuplicate or kConflict, at least the last has a summary. It may include records
  /// that other servers put.
  std::shared_ptr<const SeriesSummary> summary = {};
};

/// The saved fold of a series' first records, so that they need not be read again.
struct Checkpoint {
  /// The checkpoint covers records 0 .. prefix_end - 1.
  BatchIndex prefix_end = 0;
  /// The state of the session's fold of these records.
  std::string state;
};

/// Iterates over a series' records in index order, as they were when the reader was made. Not
/// thread-safe; its store must outlive it.
class SeriesReader {
 public:
  struct Entry {
    BatchIndex index = 0;
    std::shared_ptr<const SeriesRecord> observed;
  };
  virtual ~SeriesReader() = default;

  /// Reads the next record; false at the end. DATA_LOSS, naming the record, if it is damaged.
  virtual absl::StatusOr<bool> Next(Entry& entry) = 0;
};

/// Stores sessions and their records. Records are a grow-only map with the key (series, index): a
/// stored record never changes. Thread-safe.
///
/// The store owns the facts of each series. It decides about a record in one step, when the record
/// is put. All other classes ask the store. Several servers may
/// share the stored data, each through its own Store object. Every promise holds for all of them,
/// unless the comment names this object.
///
/// When a changing call returns OK, the change is as durable as the store promises
/// (docs/durability.md). A failed call changes nothing, unless its comment says that the change is
/// uncertain.
class Store {
 public:
  virtual ~Store() = default;

  /// True if no call ever waits for a device. Then a thread that must not wait can call the store.
  virtual bool IsImmediate() const = 0;

  /// Visits every session, in any order. Called at the start, before all other calls.
  virtual absl::Status ForEachSession(absl::FunctionRef<void(StoredSession)> visit) = 0;

  /// Stores a session with an empty series, and its run if this is the run's first session.
  /// ALREADY_EXISTS if a session of this name exists or is being created.
  virtual absl::StatusOr<SeriesId> CreateSession(
      std::shared_ptr<const SessionIdentity> identity) = 0;

  /// Replaces `series` with a new empty series and deletes its records. NOT_FOUND if `series` no
  /// longer exists.
  virtual absl::StatusOr<SeriesId> ResetSession(SeriesId series) = 0;

  /// Deletes the session with this series, and its records. Does nothing if the series does not
  /// exist.
  virtual absl::Status DeleteSession(SeriesId series) = 0;

  /// Deletes a run, its sessions and their records, atomically. Does nothing if the run does not
  /// exist.
  virtual absl::Status DeleteRun(const RunName& run) = 0;

  /// Stores each record unless its index already holds a record. Returns one result for each
  /// record, in order. When kDuplicate is returned, the original is as durable as the store
  /// promises. Refusals: NOT_FOUND if the series does not exist, INVALID_ARGUMENT if the dtype or
  /// the qparam shape differs from that of the stored records, OUT_OF_RANGE for an index that is
  /// not allowed, FAILED_PRECONDITION if the series is sealed, RESOURCE_EXHAUSTED if the store is
  /// full, DATA_LOSS if the series cannot be read, and errors of the device.
  virtual std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) = 0;

  /// The status with which PutIfAbsent would refuse a record of this form. Uses only what this
  /// object has in memory and never waits for a device, so a stream can refuse a tensor before its
  /// data arrive. OK may also mean that the series is not in memory.
  virtual absl::Status CheckFits(SeriesId series, const RecordForm& form) = 0;

  /// The facts of the series. They include every put that returned before this call. The conflict
  /// count covers the puts through this object. NOT_FOUND if the series does not exist.
  virtual absl::StatusOr<SeriesFacts> Facts(SeriesId series) = 0;

  /// The summary of these facts, without a copy of them. `problem` of the facts is the status.
  virtual absl::StatusOr<SeriesSummary> Summary(SeriesId series) = 0;

  /// The records from index `from` on.
  virtual absl::StatusOr<std::unique_ptr<SeriesReader>> Read(SeriesId series, BatchIndex from) = 0;

  /// Seals the series at `count` records, and returns the count. Without a count, the largest
  /// index plus one. A sealed series refuses every index that it does not hold.
  /// FAILED_PRECONDITION, naming the missing ranges, unless the series holds exactly the records
  /// 0 .. count - 1; FAILED_PRECONDITION, naming the count, if it is sealed at another count.
  absl::StatusOr<std::int64_t> Seal(SeriesId series, std::optional<std::int64_t> count) {
    return std::move(SealAll({&series, 1}, count).front());
  }

  /// Seals many series in one call, as Seal. Returns one result for each series, in order.
  virtual std::vector<absl::StatusOr<std::int64_t>> SealAll(absl::Span<const SeriesId> series,
                                                            std::optional<std::int64_t> count) = 0;

  /// Replaces the series' checkpoint. With `drop_values`, the records that it covers keep only
  /// index and digest. A crash can lose a checkpoint, because it is a cache; but values are dropped
  /// only together with a durable checkpoint.
  virtual absl::Status WriteCheckpoint(SeriesId series, const Checkpoint& checkpoint,
                                       bool drop_values) = 0;

  /// The series' checkpoint; nothing if there is none.
  virtual absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint(SeriesId series) = 0;

  /// A backup: its directory, and the size of its files.
  struct Backup {
    std::string path;
    std::int64_t size_bytes = 0;
  };
  /// Copies all data that were stored before the call into a new directory `id` beside the data.
  /// ALREADY_EXISTS if the directory exists, FAILED_PRECONDITION if the store keeps no data on
  /// disk.
  virtual absl::StatusOr<Backup> CreateBackup(const std::string& id) = 0;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_STORE_H_
