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

/// The RocksDB of a data directory: rows with checksums, all or nothing written, and
/// after a failure of the device exactly what was acknowledged. Thread-safe.
///
/// Once a write has failed, what its log holds from there on is in doubt: it may be torn,
/// or whole and not on the disk. So nothing more goes into that log. The next write, but at
/// most one a second, first tries whether the device takes data again; then the database is
/// closed, its log cut back to what was acknowledged, and it is opened again, which writes
/// the log's content into a table. Until then writes are refused, and reads go on. A
/// database that is closed meanwhile cuts its log back, too.
///
/// A merge of tables that meets a damaged one stops all writes as well. Then the database is
/// opened again without merging, until the process ends, so that whoever has no row there goes on.
class Database {
 public:
  struct Options {
    /// The data directory.
    std::string directory;
    Durability durability = Durability::kSync;
    /// For blocks read from disk.
    std::size_t cache_bytes = std::size_t{256} << 20;
    std::size_t table_bytes = kTableBytes;
    std::shared_ptr<rocksdb::FileSystem> file_system = {};
  };

  using Keep = server::Keep;

  /// Opens the database in the directory's db/, or makes it. DATA_LOSS if it is damaged.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Of all of the batch or nothing. Values have their checksums.
  absl::Status Write(rocksdb::WriteBatch& batch, Keep keep) ABSL_LOCKS_EXCLUDED(mu_);

  /// The body of the row; nothing if there is none.
  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) const
      ABSL_LOCKS_EXCLUDED(mu_);

  /// Goes through rows in key order, as of the moment at which it was made. Not
  /// thread-safe.
  class Cursor {
   public:
    ~Cursor();
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    /// What takes a row: its key and body.
    using Visit = absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)>;
    /// Visits the next row, and returns what `visit` did; false at the end. DATA_LOSS if
    /// it cannot be read as it was written. UNAVAILABLE once the database was opened again.
    absl::StatusOr<bool> Next(Visit visit);
    /// The same, with a body that nothing checked.
    absl::StatusOr<bool> NextUnchecked(Visit visit);

   private:
    friend class Database;
    Cursor(const Database* database, KeyRange range);
    const Database* const database_;
    const KeyRange range_;
    const rocksdb::Slice end_;
    // Gone when the database is opened again; guarded by its lock.
    std::unique_ptr<rocksdb::Iterator> rows_;
  };
  /// The database must outlive it.
  std::unique_ptr<Cursor> Read(KeyRange range) const ABSL_LOCKS_EXCLUDED(mu_);

  /// Takes away the tables that hold rows of the range alone, at once and whatever their size.
  /// Other rows of it stay, which ones is not said, and some that were deleted are back. For
  /// rows that nobody will ask for again.
  absl::Status DropTables(const KeyRange& range) ABSL_LOCKS_EXCLUDED(mu_);

  /// Copies everything into a new directory, which can be opened as this one's db/ can.
  absl::Status CopyTo(const std::string& path) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string& directory() const { return options_.directory; }
  rocksdb::FileSystem& files() const { return *tracker_; }

 private:
  explicit Database(const Options& options);

  absl::Status OpenLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReopenLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status EnsureWritable() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the device takes as much as opening again will write.
  absl::Status TryDevice() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(failure_mu_);
  // What to tell who wrote when a merge met `damage`.
  absl::Status StopMerging(const absl::Status& damage);
  absl::Status NotOpen() const ABSL_LOCKS_EXCLUDED(failure_mu_);

  const Options options_;
  const std::shared_ptr<SyncedWalLength> tracker_;
  const std::unique_ptr<rocksdb::Env> env_;
  rocksdb::Options rocksdb_options_;

  // Shared by whoever uses the database, held alone to open it again.
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
