#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DATABASE_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DATABASE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "rocksdb/db.h"
#include "rocksdb/file_system.h"
#include "rocksdb/options.h"
#include "rocksdb/write_batch.h"
#include "server/model/durability.h"
#include "server/storage/rocksdb/durable_write.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/options.h"
#include "server/storage/rocksdb/synced_wal_length.h"

namespace calipers::server {

/// The RocksDB database of a data directory. Each row has a checksum. A write happens completely or
/// not at all. After a failure of the device, the database holds exactly the acknowledged writes.
/// Thread-safe.
///
/// After a failed write, the rest of the write-ahead log is in doubt: it may be torn, or complete
/// but not on the disk. Nothing more is therefore written to that log. The next write, but at most
/// one per second, first tests whether the device accepts data again. If it does, the database is
/// closed, the log is cut back to the acknowledged writes, and the database is opened again.
/// Opening writes the content of the log into a table. Until then, writes are refused and reads
/// continue. A database that is closed in the meantime cuts its log back, too.
///
/// A compaction that finds a damaged table also stops all writes. The database is then opened again
/// with compaction off until the process ends, so that sessions without rows in that table
/// continue.
class Database {
 public:
  struct Options {
    /// The data directory.
    std::string directory;
    Durability durability = Durability::kSync;
    /// Memory for blocks that were read from disk.
    std::size_t cache_bytes = std::size_t{256} << 20;
    std::size_t table_bytes = kTableBytes;
    std::shared_ptr<rocksdb::FileSystem> file_system = {};
  };

  using Keep = server::Keep;

  /// Opens the database in the directory's db/, or creates it. DATA_LOSS if it is damaged.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Writes the whole batch or nothing. The values already contain their checksums.
  absl::Status Write(rocksdb::WriteBatch& batch, Keep keep) ABSL_LOCKS_EXCLUDED(mu_);

  /// The body of the row; nullopt if there is no such row.
  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) const
      ABSL_LOCKS_EXCLUDED(mu_);

  /// Iterates over rows in key order, as they were when the cursor was made. Not thread-safe.
  class Cursor {
   public:
    ~Cursor();
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    /// A function that gets the key and the body of a row.
    using Visit = absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)>;
    /// Visits the next row; false at the end. Returns the error of `visit`, if it has one.
    /// DATA_LOSS if the row or its table is damaged. UNAVAILABLE if the database was opened again
    /// after the cursor was made.
    absl::StatusOr<bool> Next(Visit visit);
    /// As Next, but without checking the row: instead of the body, `visit` gets the stored value,
    /// which is the body and its checksum.
    absl::StatusOr<bool> NextUnchecked(Visit visit);

   private:
    friend class Database;
    Cursor(const Database* database, KeyRange range);
    const Database* const database_;
    const KeyRange range_;
    const rocksdb::Slice end_;
    // Null after the database was opened again. Guarded by the mu_ of the database.
    std::unique_ptr<rocksdb::Iterator> rows_;
  };
  /// The database must outlive the cursor.
  std::unique_ptr<Cursor> Read(KeyRange range) const ABSL_LOCKS_EXCLUDED(mu_);

  /// Deletes the tables that hold only rows of the range, in one step and whatever their size.
  /// Other rows of the range may remain, and deleted rows may reappear. For rows that are never
  /// read again.
  absl::Status DropTables(const KeyRange& range) ABSL_LOCKS_EXCLUDED(mu_);

  /// Copies the database into a new directory, which can be opened as the db/ of a data directory.
  absl::Status CopyTo(const std::string& path) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string& directory() const { return options_.directory; }
  rocksdb::FileSystem& files() const { return *tracker_; }

 private:
  explicit Database(const Options& options);

  absl::Status OpenLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReopenLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status EnsureWritable() ABSL_LOCKS_EXCLUDED(mu_);
  // Tests whether the device accepts as many bytes as opening again will write.
  absl::Status TryDevice() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(failure_mu_);
  // Turns compaction off, from the next opening on, because it found `damage`. Returns the status
  // for the failed write.
  absl::Status StopMerging(const absl::Status& damage);
  absl::Status NotOpen() const ABSL_LOCKS_EXCLUDED(failure_mu_);

  const Options options_;
  const std::shared_ptr<SyncedWalLength> tracker_;
  const std::unique_ptr<rocksdb::Env> env_;
  rocksdb::Options rocksdb_options_;

  // Held shared by each use of the database, and exclusively while it is opened or closed.
  mutable absl::Mutex mu_;
  std::unique_ptr<rocksdb::DB> db_ ABSL_GUARDED_BY(mu_);

  mutable absl::Mutex cursors_mu_ ABSL_ACQUIRED_AFTER(mu_);
  mutable absl::flat_hash_set<Cursor*> cursors_ ABSL_GUARDED_BY(cursors_mu_);

  mutable absl::Mutex failure_mu_ ABSL_ACQUIRED_AFTER(mu_);
  std::atomic<bool> merging_{true};
  // True while failure_ is an error.
  std::atomic<bool> failed_{false};
  absl::Status failure_ ABSL_GUARDED_BY(failure_mu_);
  absl::Time next_try_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

/// Visits the rows of the range, in key order, until `visit` fails.
absl::Status VisitRows(const Database& database, KeyRange range, Database::Cursor::Visit visit);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DATABASE_H_
