#include "server/storage/rocksdb/rocksdb_store.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/backup.h"
#include "server/storage/rocksdb/checkpoint_writer.h"
#include "server/storage/rocksdb/data_format.h"
#include "server/storage/rocksdb/deferred_delete.h"
#include "server/storage/rocksdb/durable_files.h"
#include "server/storage/rocksdb/facts_loader.h"
#include "server/storage/rocksdb/fixed64.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/put_batch.h"
#include "server/storage/rocksdb/rocksdb_status.h"
#include "server/storage/rocksdb/row_checksum.h"
#include "server/storage/rocksdb/series_reader.h"
#include "server/storage/rows.h"

namespace calipers::server {
namespace {

constexpr auto kBeforeReturn = Database::Keep::kBeforeReturn;

void PutSession(rocksdb::WriteBatch& batch, RunId run, const StoredSession& session) {
  PutRow(SessionKey(run, session.identity->name.session_id()), EncodeSession(session), batch);
}

// Adds to the batch the deletion of the series' checkpoint and facts rows, and the removal row of
// the series. Leaves the row of the session. Returns the key of the removal, for Finish.
std::string RemoveSeries(rocksdb::WriteBatch& batch, const LiveSeries& series) {
  batch.Delete(CheckpointKey(series.run->id, series.id)).PermitUncheckedError();
  batch.Delete(FactsKey(series.run->id, series.id)).PermitUncheckedError();
  std::string removal = RemovalKey(series.run->id, series.id);
  PutRemoval(removal, batch);
  return removal;
}

// FAILED_PRECONDITION if a restore into `directory` was interrupted. Otherwise the server would
// start empty, as if there had never been data.
absl::Status CheckNoRestoreUnfinished(rocksdb::FileSystem& files, const std::string& directory) {
  ASSIGN_OR_RETURN(const bool unfinished, FileExists(files, UnfinishedRestore(directory)));
  if (!unfinished) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("a restore into ", directory,
                   " is incomplete (give --restore-from again, or empty the directory)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> RocksdbStore::Open(const RocksdbOptions& options) {
  const auto files = options.file_system ? options.file_system : rocksdb::FileSystem::Default();
  const std::string directory = std::filesystem::absolute(options.directory).lexically_normal();
  // Check before anything is created: the directory may belong to another program.
  RETURN_IF_ERROR(FormatOf(*files, directory).status());
  RETURN_IF_ERROR(MakeDirectory(*files, directory));
  ASSIGN_OR_RETURN(auto lock, DirectoryLock::Acquire(files, directory));
  ASSIGN_OR_RETURN(const std::optional<int> format, FormatOf(*files, directory));
  if (!format) RETURN_IF_ERROR(CheckNoRestoreUnfinished(*files, directory));
  if (!format) RETURN_IF_ERROR(MarkDataDirectory(*files, directory));
  ASSIGN_OR_RETURN(auto database,
                   Database::Open({directory, options.durability, options.cache_bytes,
                                   options.table_bytes, files}));
  RETURN_IF_ERROR(RemoveUnfinishedBackups(*database));
  auto store =
      std::unique_ptr<RocksdbStore>(new RocksdbStore(std::move(lock), std::move(database)));
  const absl::Status loaded = store->Load();
  if (absl::IsDataLoss(loaded)) {
    return absl::DataLossError(absl::StrCat(directory, " cannot be read: ", loaded.message(),
                                            " (check the disk, and restore a backup)"));
  }
  RETURN_IF_ERROR(loaded);
  // Before the first row of this format is written, so that an older version refuses the directory;
  // but not if this version cannot read it.
  if (format && *format != kDataFormat) RETURN_IF_ERROR(MarkDataDirectory(*files, directory));
  return store;
}

RocksdbStore::RocksdbStore(std::unique_ptr<DirectoryLock> directory,
                           std::unique_ptr<Database> database)
    : directory_(std::move(directory)), database_(std::move(database)), ids_(database_.get()) {}

RocksdbStore::~RocksdbStore() = default;

absl::Status RocksdbStore::Load() {
  RETURN_IF_ERROR(ids_.Load());
  RunsById runs;
  ASSIGN_OR_RETURN(const std::vector<std::string> removals, PendingRemovals(*database_));
  for (const std::string& removal : removals) {
    const std::optional<RunId> id = RunOfRemoval(removal);
    if (!id) continue;
    runs.emplace(*id, std::make_shared<LiveRun>(*id)).first->second->deleted = true;
  }
  RETURN_IF_ERROR(VisitRows(
      *database_, AllOf(RowKind::kRun),
      [&](absl::string_view key, absl::string_view body) { return LoadRun(key, body, runs); }));
  RETURN_IF_ERROR(VisitRows(
      *database_, AllOf(RowKind::kSession),
      [&](absl::string_view key, absl::string_view body) { return LoadSession(key, body, runs); }));
  for (const std::string& removal : removals) Finish(removal);
  return absl::OkStatus();
}

absl::Status RocksdbStore::LoadRun(absl::string_view key, absl::string_view body, RunsById& runs) {
  ASSIGN_OR_RETURN(const std::uint64_t id, DecodeNumber(key, body));
  auto run = std::make_shared<LiveRun>(RunId{id});
  run->kept = true;
  runs.emplace(run->id, run);
  absl::MutexLock lock(&runs_mu_);
  runs_.emplace(key.substr(1), std::move(run));
  return absl::OkStatus();
}

absl::Status RocksdbStore::LoadSession(absl::string_view key, absl::string_view body,
                                       const RunsById& runs) {
  const auto run = runs.find(RunId{NumberAt(key, 1)});
  if (run == runs.end()) {
    return absl::DataLossError(absl::StrCat(Describe(key), " has no run"));
  }
  if (run->second->deleted) return absl::OkStatus();
  absl::StatusOr<StoredSession> session = DecodeSession(body);
  if (!session.ok()) {
    return absl::DataLossError(absl::StrCat(Describe(key), ": ", session.status().message()));
  }
  Insert(std::make_shared<LiveSeries>(session->series, std::move(session->identity), run->second,
                                      session->sealed_count));
  return absl::OkStatus();
}

absl::Status RocksdbStore::ForEachSession(absl::FunctionRef<void(StoredSession)> visit) {
  series_.ForEach([&](const LiveSeries& series) {
    visit({series.identity, series.id, series.sealed_count()});
  });
  return absl::OkStatus();
}

absl::StatusOr<SeriesId> RocksdbStore::CreateSession(
    std::shared_ptr<const SessionIdentity> identity) {
  absl::ReaderMutexLock lock(&lifecycle_mu_);
  ASSIGN_OR_RETURN(std::shared_ptr<LiveRun> run, FindOrMakeRun(identity->name.run()));
  ASSIGN_OR_RETURN(const std::uint64_t id, ids_.Next());
  auto series = std::make_shared<LiveSeries>(SeriesId{id}, std::move(identity), std::move(run));
  if (!ClaimName(*series)) return SessionExists(series->identity->name);
  rocksdb::WriteBatch batch;
  // If several sessions are the first of the run, each writes the run's row, because any of the
  // writes may fail.
  if (!series->run->kept) {
    PutRow(RunKey(series->identity->name.run()),
           EncodeNumber(static_cast<std::uint64_t>(series->run->id)), batch);
  }
  PutSession(batch, series->run->id, {series->identity, series->id, {}});
  if (absl::Status written = database_->Write(batch, kBeforeReturn); !written.ok()) {
    ReleaseName(*series);
    return written;
  }
  series->run->kept = true;
  series->SetEmpty();
  series_.Insert(series->id, series);
  return series->id;
}

absl::StatusOr<SeriesId> RocksdbStore::ResetSession(SeriesId id) {
  std::string removal;
  std::shared_ptr<LiveSeries> series;
  {
    absl::MutexLock lock(&lifecycle_mu_);
    const std::shared_ptr<LiveSeries> old = Find(id);
    if (old == nullptr) return SeriesGone();
    ASSIGN_OR_RETURN(const std::uint64_t new_id, ids_.Next());
    series = std::make_shared<LiveSeries>(SeriesId{new_id}, old->identity, old->run);
    rocksdb::WriteBatch batch;
    removal = RemoveSeries(batch, *old);
    PutSession(batch, series->run->id, {series->identity, series->id, {}});
    RETURN_IF_ERROR(database_->Write(batch, kBeforeReturn));
    series->SetEmpty();
    Insert(series);
    series_.Extract(id);
  }
  Finish(removal);
  return series->id;
}

absl::Status RocksdbStore::DeleteSession(SeriesId id) {
  std::string removal;
  {
    absl::MutexLock lock(&lifecycle_mu_);
    const std::shared_ptr<LiveSeries> series = Find(id);
    if (series == nullptr) return absl::OkStatus();
    rocksdb::WriteBatch batch;
    removal = RemoveSeries(batch, *series);
    batch.Delete(SessionKey(series->run->id, series->identity->name.session_id()))
        .PermitUncheckedError();
    RETURN_IF_ERROR(database_->Write(batch, kBeforeReturn));
    series_.Extract(id);
    ReleaseName(*series);
  }
  Finish(removal);
  return absl::OkStatus();
}

absl::Status RocksdbStore::DeleteRun(const RunName& name) {
  std::shared_ptr<LiveRun> run;
  std::string removal;
  {
    absl::MutexLock lock(&lifecycle_mu_);
    run = FindRun(name.full());
    if (run == nullptr) return absl::OkStatus();
    rocksdb::WriteBatch batch;
    batch.Delete(RunKey(name.full())).PermitUncheckedError();
    removal = RemovalKey(run->id);
    PutRemoval(removal, batch);
    RETURN_IF_ERROR(database_->Write(batch, kBeforeReturn));
    run->deleted = true;
    absl::MutexLock runs_lock(&runs_mu_);
    runs_.erase(name.full());
  }
  // Find no longer returns these series. Removing a million of them under lifecycle_mu_ would delay
  // all other calls.
  {
    absl::MutexLock lock(&run->mu);
    for (const auto& [session, series] : run->sessions) series_.Extract(series);
    run->sessions.clear();
  }
  Finish(removal);
  return absl::OkStatus();
}

std::vector<PutResult> RocksdbStore::PutIfAbsent(absl::Span<const NewRecord> records) {
  absl::ReaderMutexLock lock(&lifecycle_mu_);
  absl::MutexLock put_lock(&put_mu_);
  PutBatch batch(database_.get(), records);
  std::shared_ptr<LiveSeries> series;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i == 0 || records[i].series != records[i - 1].series) series = Find(records[i].series);
    batch.Add(series);
  }
  return std::move(batch).Commit();
}

absl::Status RocksdbStore::CheckFits(SeriesId id, const RecordForm& form) {
  // Do not lock lifecycle_mu_: it is held while a reset or deletion is written.
  const std::shared_ptr<LiveSeries> series = series_.Find(id);
  if (series == nullptr || series->run->deleted) return SeriesGone();
  return series->CheckFits(form);
}

absl::StatusOr<SeriesFacts> RocksdbStore::Facts(SeriesId id) {
  std::shared_ptr<LiveSeries> series;
  {
    absl::ReaderMutexLock lock(&lifecycle_mu_);
    series = Find(id);
    if (series == nullptr) return SeriesGone();
  }
  // Without the lock: reading may take long, and a reset or deletion must not wait for it.
  absl::StatusOr<SeriesFacts> facts = FetchFacts(*database_, *series);
  absl::ReaderMutexLock lock(&lifecycle_mu_);
  // The rows may have been removed during the reading.
  if (Find(id) == nullptr) return SeriesGone();
  return facts.ok() ? *std::move(facts) : series->FactsWith(facts.status());
}

absl::StatusOr<SeriesSummary> RocksdbStore::Summary(SeriesId id) {
  {
    absl::ReaderMutexLock lock(&lifecycle_mu_);
    const std::shared_ptr<LiveSeries> series = Find(id);
    if (series == nullptr) return SeriesGone();
    if (const std::optional<SeriesSummary> summary = series->Summary()) return *summary;
  }
  ASSIGN_OR_RETURN(const SeriesFacts facts, Facts(id));
  RETURN_IF_ERROR(facts.problem);
  return facts.Summary();
}

absl::StatusOr<std::unique_ptr<SeriesReader>> RocksdbStore::Read(SeriesId id, BatchIndex from) {
  absl::ReaderMutexLock lock(&lifecycle_mu_);
  std::shared_ptr<LiveSeries> series = Find(id);
  if (series == nullptr) return SeriesGone();
  return std::make_unique<RocksdbSeriesReader>(*database_, std::move(series), from);
}

std::vector<absl::StatusOr<std::int64_t>> RocksdbStore::SealAll(absl::Span<const SeriesId> ids,
                                                                std::optional<std::int64_t> count) {
  absl::ReaderMutexLock lock(&lifecycle_mu_);
  absl::MutexLock put_lock(&put_mu_);
  std::vector<absl::StatusOr<std::int64_t>> results;
  std::vector<std::shared_ptr<LiveSeries>> sealed(ids.size());
  rocksdb::WriteBatch batch;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::shared_ptr<LiveSeries> series = Find(ids[i]);
    results.push_back(DecideSeal(series.get(), count));
    if (!results[i].ok() || series->sealed_count()) continue;
    PutSession(batch, series->run->id, {series->identity, series->id, *results[i]});
    sealed[i] = series;
  }
  if (batch.Count() == 0) return results;
  const absl::Status written = database_->Write(batch, kBeforeReturn);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (sealed[i] == nullptr) continue;
    if (written.ok()) {
      sealed[i]->Seal(*results[i]);
    } else {
      results[i] = written;
    }
  }
  return results;
}

absl::StatusOr<std::int64_t> RocksdbStore::DecideSeal(LiveSeries* series,
                                                      std::optional<std::int64_t> count) {
  if (series == nullptr) return SeriesGone();
  RETURN_IF_ERROR(LoadFacts(*database_, *series));
  return series->DecideSeal(count);
}

absl::Status RocksdbStore::WriteCheckpoint(SeriesId id, const Checkpoint& checkpoint,
                                           bool drop_values) {
  absl::ReaderMutexLock lock(&lifecycle_mu_);
  absl::MutexLock checkpoint_lock(&checkpoint_mu_);
  const std::shared_ptr<LiveSeries> series = Find(id);
  if (series == nullptr) return SeriesGone();
  return StoreCheckpoint(*database_, *series, checkpoint, drop_values);
}

absl::StatusOr<std::optional<Checkpoint>> RocksdbStore::ReadCheckpoint(SeriesId id) {
  absl::ReaderMutexLock lock(&lifecycle_mu_);
  const std::shared_ptr<LiveSeries> series = Find(id);
  if (series == nullptr) return SeriesGone();
  return FetchCheckpoint(*database_, *series);
}

absl::StatusOr<Store::Backup> RocksdbStore::CreateBackup(const std::string& id) {
  absl::MutexLock lock(&backup_mu_);
  return WriteBackup(*database_, id);
}

std::shared_ptr<LiveSeries> RocksdbStore::Find(SeriesId id) const {
  std::shared_ptr<LiveSeries> series = series_.Find(id);
  return series == nullptr || series->run->deleted ? nullptr : series;
}

std::shared_ptr<LiveRun> RocksdbStore::FindRun(absl::string_view name) {
  absl::MutexLock lock(&runs_mu_);
  const auto it = runs_.find(name);
  return it == runs_.end() ? nullptr : it->second;
}

absl::StatusOr<std::shared_ptr<LiveRun>> RocksdbStore::FindOrMakeRun(absl::string_view name) {
  std::shared_ptr<LiveRun> run = FindRun(name);
  if (run != nullptr) return run;
  ASSIGN_OR_RETURN(const std::uint64_t id, ids_.Next());
  absl::MutexLock lock(&runs_mu_);
  // Another call may have added the run in the meantime.
  return runs_.try_emplace(name, std::make_shared<LiveRun>(RunId{id})).first->second;
}

void RocksdbStore::Insert(const std::shared_ptr<LiveSeries>& series) {
  series_.Insert(series->id, series);
  absl::MutexLock lock(&series->run->mu);
  series->run->sessions[series->identity->name.session_id()] = series->id;
}

bool RocksdbStore::ClaimName(const LiveSeries& series) {
  absl::MutexLock lock(&series.run->mu);
  return series.run->sessions.try_emplace(series.identity->name.session_id(), series.id).second;
}

void RocksdbStore::ReleaseName(const LiveSeries& series) {
  absl::MutexLock lock(&series.run->mu);
  series.run->sessions.erase(series.identity->name.session_id());
}

void RocksdbStore::Finish(const std::string& removal) {
  // The deletion itself is complete. Rows that remain after a failure stay until the next start.
  FinishRemoval(*database_, removal).IgnoreError();
}

}  // namespace calipers::server
