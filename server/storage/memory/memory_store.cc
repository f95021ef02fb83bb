#include "server/storage/memory/memory_store.h"

#include <utility>

#include "core/status_macros.h"
#include "server/storage/duplicate_check.h"

namespace calipers::server {
namespace {

// Number of records that are copied under one lock, so that writers do not wait for a long series.
constexpr std::size_t kCopiedAtOnce = 256;

class MemoryReader final : public SeriesReader {
 public:
  MemoryReader(std::shared_ptr<const MemorySeries> series, BatchIndex from, std::uint64_t now)
      : series_(std::move(series)), from_(from), now_(now) {}

  absl::StatusOr<bool> Next(Entry& entry) override {
    if (at_ == copied_.size()) {
      copied_.clear();
      at_ = 0;
      series_->Copy(from_, now_, kCopiedAtOnce, copied_);
      if (copied_.empty()) return false;
      from_ = copied_.back().index + 1;
    }
    entry = std::move(copied_[at_++]);
    return true;
  }

 private:
  const std::shared_ptr<const MemorySeries> series_;
  BatchIndex from_;
  const std::uint64_t now_;
  std::vector<Entry> copied_;
  std::size_t at_ = 0;
};

// The first record, and the records directly after it that belong to the same series.
absl::Span<const NewRecord> OfOneSeries(absl::Span<const NewRecord> records) {
  std::size_t count = 1;
  while (count < records.size() && records[count].series == records[0].series) ++count;
  return records.first(count);
}

}  // namespace

absl::Status MemoryStore::ForEachSession(absl::FunctionRef<void(StoredSession)> visit) {
  series_.ForEach([&](const MemorySeries& series) {
    if (series.run()->deleted) return;
    visit({series.identity(), series.id(), series.sealed_count()});
  });
  return absl::OkStatus();
}

absl::StatusOr<SeriesId> MemoryStore::CreateSession(
    std::shared_ptr<const SessionIdentity> identity) {
  const SeriesId id{next_id_.fetch_add(1, std::memory_order_relaxed)};
  while (true) {
    const std::shared_ptr<MemoryRun> run = FindOrMakeRun(identity->name.run());
    absl::MutexLock lock(&run->mu);
    if (run->deleted) continue;
    if (!run->sessions.try_emplace(identity->name.session_id(), id).second) {
      return SessionExists(identity->name);
    }
    series_.Insert(id, std::make_shared<MemorySeries>(id, identity, run));
    return id;
  }
}

absl::StatusOr<SeriesId> MemoryStore::ResetSession(SeriesId id) {
  const std::shared_ptr<MemorySeries> old = series_.Extract(id);
  if (old == nullptr) return SeriesGone();
  old->Delete(budget_);
  const SeriesId new_id{next_id_.fetch_add(1, std::memory_order_relaxed)};
  const auto series = std::make_shared<MemorySeries>(new_id, old->identity(), old->run());
  absl::MutexLock lock(&series->run()->mu);
  if (series->run()->deleted) return SeriesGone();
  series->run()->sessions[series->identity()->name.session_id()] = new_id;
  series_.Insert(new_id, series);
  return new_id;
}

absl::Status MemoryStore::DeleteSession(SeriesId id) {
  const std::shared_ptr<MemorySeries> series = series_.Extract(id);
  if (series == nullptr) return absl::OkStatus();
  series->Delete(budget_);
  absl::MutexLock lock(&series->run()->mu);
  series->run()->sessions.erase(series->identity()->name.session_id());
  return absl::OkStatus();
}

absl::Status MemoryStore::DeleteRun(const RunName& name) {
  std::shared_ptr<MemoryRun> run;
  {
    absl::MutexLock lock(&runs_mu_);
    auto node = runs_.extract(name.full());
    if (node.empty()) return absl::OkStatus();
    run = std::move(node.mapped());
  }
  absl::btree_map<absl::string_view, SeriesId> sessions;
  {
    absl::MutexLock lock(&run->mu);
    run->deleted = true;
    sessions.swap(run->sessions);
  }
  // FindOrMakeRun no longer returns this run, so removing even a million series delays no other
  // call.
  for (const auto& [session, id] : sessions) {
    const std::shared_ptr<MemorySeries> series = series_.Extract(id);
    if (series != nullptr) series->Delete(budget_);
  }
  return absl::OkStatus();
}

std::vector<PutResult> MemoryStore::PutIfAbsent(absl::Span<const NewRecord> records) {
  std::vector<PutResult> results;
  results.reserve(records.size());
  for (absl::Span<const NewRecord> rest = records; !rest.empty();) {
    const absl::Span<const NewRecord> some = OfOneSeries(rest);
    const std::shared_ptr<MemorySeries> series = series_.Find(some[0].series);
    if (series != nullptr) {
      series->PutIfAbsent(some, budget_, results);
    } else {
      for (const NewRecord& record : some) {
        results.push_back(Refused(record, SeriesGone()));
      }
    }
    rest.remove_prefix(some.size());
  }
  return results;
}

absl::Status MemoryStore::CheckFits(SeriesId id, const RecordForm& form) {
  const std::shared_ptr<MemorySeries> series = series_.Find(id);
  return series == nullptr ? SeriesGone() : series->CheckFits(form);
}

absl::StatusOr<SeriesFacts> MemoryStore::Facts(SeriesId id) {
  const std::shared_ptr<MemorySeries> series = series_.Find(id);
  if (series == nullptr) return SeriesGone();
  return series->Facts();
}

absl::StatusOr<SeriesSummary> MemoryStore::Summary(SeriesId id) {
  const std::shared_ptr<MemorySeries> series = series_.Find(id);
  if (series == nullptr) return SeriesGone();
  return series->Summary();
}

absl::StatusOr<std::unique_ptr<SeriesReader>> MemoryStore::Read(SeriesId id, BatchIndex from) {
  std::shared_ptr<MemorySeries> series = series_.Find(id);
  if (series == nullptr) return SeriesGone();
  ASSIGN_OR_RETURN(const std::uint64_t now, series->Now());
  return std::make_unique<MemoryReader>(std::move(series), from, now);
}

std::vector<absl::StatusOr<std::int64_t>> MemoryStore::SealAll(absl::Span<const SeriesId> ids,
                                                               std::optional<std::int64_t> count) {
  std::vector<absl::StatusOr<std::int64_t>> results;
  for (const SeriesId id : ids) {
    const std::shared_ptr<MemorySeries> series = series_.Find(id);
    results.push_back(series == nullptr ? SeriesGone() : series->Seal(count));
  }
  return results;
}

absl::Status MemoryStore::WriteCheckpoint(SeriesId id, const Checkpoint& checkpoint,
                                          bool drop_values) {
  const std::shared_ptr<MemorySeries> series = series_.Find(id);
  if (series == nullptr) return SeriesGone();
  return series->WriteCheckpoint(checkpoint, drop_values, budget_);
}

absl::StatusOr<std::optional<Checkpoint>> MemoryStore::ReadCheckpoint(SeriesId id) {
  const std::shared_ptr<MemorySeries> series = series_.Find(id);
  if (series == nullptr) return SeriesGone();
  return series->ReadCheckpoint();
}

absl::StatusOr<Store::Backup> MemoryStore::CreateBackup(const std::string&) {
  return absl::FailedPreconditionError(
      "the server keeps nothing on disk (start it with --store rocksdb and a --data-dir)");
}

std::shared_ptr<MemoryRun> MemoryStore::FindOrMakeRun(absl::string_view name) {
  absl::MutexLock lock(&runs_mu_);
  const auto it = runs_.find(name);
  if (it != runs_.end()) return it->second;
  auto run = std::make_shared<MemoryRun>();
  runs_.emplace(name, run);
  return run;
}

}  // namespace calipers::server
