#include "server/storage/rocksdb/database.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/status_macros.h"
#include "rocksdb/convenience.h"
#include "rocksdb/perf_level.h"
#include "rocksdb/utilities/checkpoint.h"
#include "server/base/log.h"
#include "server/storage/rocksdb/durable_files.h"
#include "server/storage/rocksdb/options.h"
#include "server/storage/rocksdb/rocksdb_status.h"
#include "server/storage/rocksdb/row_checksum.h"
#include "server/storage/rocksdb/wal_check.h"

namespace calipers::server {
namespace {

constexpr absl::Duration kBetweenTries = absl::Seconds(1);

rocksdb::Slice ToSlice(absl::string_view text) { return {text.data(), text.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string DbPath(const std::string& directory) { return directory + "/db"; }

// RocksDB counts comparisons and skipped keys for each thread. The counting takes a tenth of a
// write, and nobody reads the counts.
void DoNotCount() { rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable); }

// True if there is a database. DATA_LOSS if there are tables or logs without a file CURRENT:
// RocksDB would then create a new database in the same place.
absl::StatusOr<bool> HasDatabase(rocksdb::FileSystem& files, const std::string& path) {
  ASSIGN_OR_RETURN(const bool current, FileExists(files, path + "/CURRENT"));
  if (current) return true;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(files, path));
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".sst") && !absl::EndsWith(name, ".log")) continue;
    return absl::DataLossError(absl::StrCat(path, " holds ", name,
                                            " and no file CURRENT: check the disk, and restore a "
                                            "backup"));
  }
  return false;
}

// Converts the status of opening. A missing file counts as damage.
absl::Status FromOpening(const rocksdb::Status& status, const std::string& directory) {
  if (status.IsNotFound() || status.IsPathNotFound() || status.IsInvalidArgument()) {
    return FromDisk(rocksdb::Status::Corruption(status.ToString()), "opening", directory);
  }
  return FromDisk(status, "opening", directory);
}

}  // namespace

Database::Cursor::Cursor(const Database* database, KeyRange range)
    : database_(database), range_(std::move(range)), end_(range_.end) {
  absl::ReaderMutexLock lock(&database_->mu_);
  if (database_->db_ == nullptr) return;
  DoNotCount();
  rocksdb::ReadOptions options = MakeReadOptions();
  options.iterate_upper_bound = &end_;
  rows_.reset(database_->db_->NewIterator(options));
  rows_->Seek(range_.begin);
  absl::MutexLock cursors_lock(&database_->cursors_mu_);
  database_->cursors_.insert(this);
}

Database::Cursor::~Cursor() {
  absl::ReaderMutexLock lock(&database_->mu_);
  rows_.reset();
  absl::MutexLock cursors_lock(&database_->cursors_mu_);
  database_->cursors_.erase(this);
}

absl::StatusOr<bool> Database::Cursor::Next(Visit visit) {
  return NextUnchecked([visit](absl::string_view key, absl::string_view value) -> absl::Status {
    ASSIGN_OR_RETURN(const absl::string_view body, CheckedBody(key, value));
    return visit(key, body);
  });
}

absl::StatusOr<bool> Database::Cursor::NextUnchecked(Visit visit) {
  absl::ReaderMutexLock lock(&database_->mu_);
  if (rows_ == nullptr) {
    RETURN_IF_ERROR(database_->NotOpen());
    return absl::UnavailableError(
        absl::StrCat(database_->directory(),
                     " was reopened during the read, because its device failed: ask again"));
  }
  if (!rows_->Valid()) {
    RETURN_IF_ERROR(FromDisk(rows_->status(), "reading", database_->directory()));
    return false;
  }
  RETURN_IF_ERROR(visit(ToView(rows_->key()), ToView(rows_->value())));
  rows_->Next();
  return true;
}

Database::Database(const Options& options)
    : options_(options),
      tracker_(std::make_shared<SyncedWalLength>(
          options.file_system ? options.file_system : rocksdb::FileSystem::Default(),
          options.durability)),
      env_(rocksdb::NewCompositeEnv(tracker_)),
      rocksdb_options_(MakeRocksdbOptions(env_.get(), options.cache_bytes, options.table_bytes)) {}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const Options& options) {
  auto database = std::unique_ptr<Database>(new Database(options));
  absl::MutexLock lock(&database->mu_);
  const absl::Status status = database->OpenLocked();
  if (status.ok()) return database;
  return status;
}

Database::~Database() {
  absl::MutexLock lock(&mu_);
  if (db_ == nullptr) return;
  // The next start reads a table faster than a log. If the flush fails, the log still has the rows,
  // except with Durability::kNone.
  if (!failed_) db_->Flush({}).PermitUncheckedError();
  db_.reset();
  // A write that was reported as failed must not appear after a restart.
  if (failed_) tracker_->CutLogs().PermitUncheckedError();
}

absl::Status Database::OpenLocked() {
  const std::string path = DbPath(options_.directory);
  RETURN_IF_ERROR(MakeDirectory(*tracker_, path));
  ASSIGN_OR_RETURN(const bool exists, HasDatabase(*tracker_, path));
  RETURN_IF_ERROR(CheckWals(*tracker_, path));
  rocksdb_options_.create_if_missing = !exists;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(rocksdb_options_, path, &db);
  db_.reset(db);
  return FromOpening(status, options_.directory);
}

absl::Status Database::Write(rocksdb::WriteBatch& batch, Keep keep) {
  RETURN_IF_ERROR(EnsureWritable());
  DoNotCount();
  const rocksdb::WriteOptions options = WriteOptionsFor(options_.durability, keep);
  absl::Status status;
  {
    absl::ReaderMutexLock lock(&mu_);
    if (db_ == nullptr) return NotOpen();
    status = FromDisk(db_->Write(options, &batch), "writing to", options_.directory);
  }
  // A write reads no rows, so only a compaction can have found the damage.
  if (absl::IsDataLoss(status)) status = StopMerging(status);
  if (!status.ok()) Fail(status);
  return status;
}

absl::StatusOr<std::optional<std::string>> Database::Get(absl::string_view key) const {
  DoNotCount();
  rocksdb::PinnableSlice value;
  absl::ReaderMutexLock lock(&mu_);
  if (db_ == nullptr) return NotOpen();
  const rocksdb::Status status =
      db_->Get(MakeReadOptions(), db_->DefaultColumnFamily(), ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  RETURN_IF_ERROR(FromDisk(status, "reading", options_.directory));
  ASSIGN_OR_RETURN(const absl::string_view body, CheckedBody(key, ToView(value)));
  return std::string(body);
}

std::unique_ptr<Database::Cursor> Database::Read(KeyRange range) const {
  return std::unique_ptr<Cursor>(new Cursor(this, std::move(range)));
}

absl::Status Database::DropTables(const KeyRange& range) {
  RETURN_IF_ERROR(EnsureWritable());
  absl::ReaderMutexLock lock(&mu_);
  if (db_ == nullptr) return NotOpen();
  // A deleted table cannot come back. The row that permits the deletion must be durable before it.
  absl::Status kept =
      FromDisk(MakeWrittenDurable(*db_, options_.durability), "writing to", options_.directory);
  if (!kept.ok()) {
    Fail(kept);
    return kept;
  }
  const rocksdb::Slice begin = range.begin;
  const rocksdb::Slice end = range.end;
  return FromDisk(rocksdb::DeleteFilesInRange(db_.get(), db_->DefaultColumnFamily(), &begin, &end,
                                              /*include_end=*/false),
                  "writing to", options_.directory);
}

absl::Status VisitRows(const Database& database, KeyRange range, Database::Cursor::Visit visit) {
  const auto cursor = database.Read(std::move(range));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, cursor->Next(visit));
    if (!more) return absl::OkStatus();
  }
}

absl::Status Database::CopyTo(const std::string& path) {
  RETURN_IF_ERROR(EnsureWritable());
  absl::ReaderMutexLock lock(&mu_);
  if (db_ == nullptr) return NotOpen();
  rocksdb::Checkpoint* created = nullptr;
  RETURN_IF_ERROR(FromDisk(rocksdb::Checkpoint::Create(db_.get(), &created), "copying from",
                           options_.directory));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(created);
  // The flush brings rows that are in no log into the copy, too.
  return FromDisk(checkpoint->CreateCheckpoint(path, /*log_size_for_flush=*/0), "copying from",
                  options_.directory);
}

void Database::Fail(const absl::Status& status) {
  absl::MutexLock lock(&failure_mu_);
  failure_ = status;
  failed_ = true;
}

absl::Status Database::StopMerging(const absl::Status& damage) {
  if (merging_.exchange(false)) {
    LogError("a table is damaged: compaction is off until a restart",
             {{"directory", options_.directory}, {"error", std::string(damage.message())}});
  }
  return absl::UnavailableError(
      absl::StrCat(damage.message(), " (undamaged sessions keep working: send the rest again)"));
}

absl::Status Database::NotOpen() const {
  absl::MutexLock lock(&failure_mu_);
  return failure_;
}

absl::Status Database::EnsureWritable() {
  if (!failed_) return absl::OkStatus();
  absl::MutexLock lock(&mu_);
  if (!failed_) return absl::OkStatus();
  if (absl::Now() < next_try_) return NotOpen();
  next_try_ = absl::Now() + kBetweenTries;
  absl::Status status = ReopenLocked();
  absl::MutexLock failure_lock(&failure_mu_);
  failure_ = status;
  failed_ = !status.ok();
  return status;
}

absl::Status Database::ReopenLocked() {
  RETURN_IF_ERROR(TryDevice());
  if (options_.durability == Durability::kNone && db_ != nullptr) {
    // No log has the rows in memory. They are written into tables, or the database stays as it is.
    RETURN_IF_ERROR(FromDisk(db_->Resume(), "writing to", options_.directory));
    RETURN_IF_ERROR(FromDisk(db_->Flush({}), "writing to", options_.directory));
  }
  {
    absl::MutexLock lock(&cursors_mu_);
    for (Cursor* cursor : cursors_) cursor->rows_.reset();
  }
  db_.reset();
  RETURN_IF_ERROR(FromDisk(tracker_->CutLogs(), "opening", options_.directory));
  rocksdb_options_.disable_auto_compactions = !merging_;
  return OpenLocked();
}

absl::Status Database::TryDevice() {
  std::uint64_t in_memory = 0;
  if (db_ != nullptr) db_->GetIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &in_memory);
  const std::string path = options_.directory + "/TRY";
  const std::string filler(std::max<std::size_t>(in_memory, std::size_t{1} << 20), '\0');
  rocksdb::IOStatus status =
      rocksdb::WriteStringToFile(tracker_.get(), filler, path, /*should_sync=*/true);
  tracker_->DeleteFile(path, {}, nullptr).PermitUncheckedError();
  return FromDisk(status, "writing to", options_.directory);
}

}  // namespace calipers::server
