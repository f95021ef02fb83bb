#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"
#include "rocksdb/write_batch.h"
#include "server/model/durability.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/directory_lock.h"
#include "server/storage/rocksdb/id_allocator.h"
#include "server/storage/rocksdb/live_series.h"
#include "server/storage/series_map.h"
#include "server/storage/store.h"

namespace calipers::server {

struct RocksdbOptions {
  /// The data directory. Created if it does not exist.
  std::string directory;
  Durability durability = Durability::kSync;
  /// Memory for data that were read from disk, in bytes.
  std::size_t cache_bytes = std::size_t{256} << 20;
  /// The size in bytes at which a table on disk ends. With a small size, a small directory has many
  /// tables, like a large directory.
  std::size_t table_bytes = kTableBytes;
  /// The file system of the data directory; null for that of the machine.
  std::shared_ptr<rocksdb::FileSystem> file_system = {};
};

/// A store in a RocksDB database. docs/durability.md describes the layout of its data directory.
/// The store keeps in memory all sessions, and the facts of the series that were written or
/// queried. Only one process can use a directory at a time.
class RocksdbStore final : public Store {
 public:
  /// FAILED_PRECONDITION if the directory is in use, has another format, is not a data directory,
  /// or holds an interrupted restore; DATA_LOSS if it is damaged.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const RocksdbOptions& options);

  ~RocksdbStore() override;

  bool IsImmediate() const override { return false; }
  absl::Status ForEachSession(absl::FunctionRef<void(StoredSession)> visit) override;
  absl::StatusOr<SeriesId> CreateSession(std::shared_ptr<const SessionIdentity> identity) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  absl::StatusOr<SeriesId> ResetSession(SeriesId series) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  absl::Status DeleteSession(SeriesId series) override ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  absl::Status DeleteRun(const RunName& run) override ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_, put_mu_);
  absl::Status CheckFits(SeriesId series, const RecordForm& form) override;
  absl::StatusOr<SeriesFacts> Facts(SeriesId series) override ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  absl::StatusOr<SeriesSummary> Summary(SeriesId series) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  absl::StatusOr<std::unique_ptr<SeriesReader>> Read(SeriesId series, BatchIndex from) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  std::vector<absl::StatusOr<std::int64_t>> SealAll(absl::Span<const SeriesId> series,
                                                    std::optional<std::int64_t> count) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_, put_mu_);
  absl::Status WriteCheckpoint(SeriesId series, const Checkpoint& checkpoint,
                               bool drop_values) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_, checkpoint_mu_);
  absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint(SeriesId series) override
      ABSL_LOCKS_EXCLUDED(lifecycle_mu_);
  absl::StatusOr<Backup> CreateBackup(const std::string& id) override
      ABSL_LOCKS_EXCLUDED(backup_mu_);

 private:
  RocksdbStore(std::unique_ptr<DirectoryLock> directory, std::unique_ptr<Database> database);

  using RunsById = absl::flat_hash_map<RunId, std::shared_ptr<LiveRun>>;
  absl::Status Load();
  absl::Status LoadRun(absl::string_view key, absl::string_view body, RunsById& runs);
  absl::Status LoadSession(absl::string_view key, absl::string_view body, const RunsById& runs);
  std::shared_ptr<LiveSeries> Find(SeriesId id) const ABSL_SHARED_LOCKS_REQUIRED(lifecycle_mu_);
  // Null if there is no run of this name.
  std::shared_ptr<LiveRun> FindRun(absl::string_view name) ABSL_LOCKS_EXCLUDED(runs_mu_);
  // The run of this name, which is created if it does not exist.
  absl::StatusOr<std::shared_ptr<LiveRun>> FindOrMakeRun(absl::string_view name)
      ABSL_LOCKS_EXCLUDED(runs_mu_);
  // The count at which the series is to be sealed; see Store::Seal.
  absl::StatusOr<std::int64_t> DecideSeal(LiveSeries* series, std::optional<std::int64_t> count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(put_mu_);
  // Makes this the series of its session.
  void Insert(const std::shared_ptr<LiveSeries>& series);
  // False if a session of this name exists in the series' run.
  static bool ClaimName(const LiveSeries& series);
  static void ReleaseName(const LiveSeries& series);
  // Deletes the remaining rows of a removal.
  void Finish(const std::string& removal);

  // Released last, because it is declared first.
  const std::unique_ptr<DirectoryLock> directory_;
  const std::unique_ptr<Database> database_;
  IdAllocator ids_;

  // Held shared by calls that write to a session, and exclusively by calls that reset or delete
  // one, so that nothing is written to a deleted series. Short reads hold it shared, too.
  mutable absl::Mutex lifecycle_mu_;
  // Protects which records a series holds and whether it is sealed: held from the decision until
  // the result is stored.
  absl::Mutex put_mu_ ABSL_ACQUIRED_AFTER(lifecycle_mu_);
  absl::Mutex checkpoint_mu_ ABSL_ACQUIRED_AFTER(lifecycle_mu_);
  absl::Mutex backup_mu_;
  SeriesMap<LiveSeries> series_;
  absl::Mutex runs_mu_;
  absl::flat_hash_map<std::string, std::shared_ptr<LiveRun>> runs_ ABSL_GUARDED_BY(runs_mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
