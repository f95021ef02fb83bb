#include "server/memory_store.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/sealing.h"

namespace calipers::server {
namespace {

// Records that a reader takes with one look, and sessions that go with one.
constexpr std::size_t kTakenAtOnce = 1024;

// What a record takes: its values, itself, its control block, its entry in the map
// and in its session's set of indices.
std::int64_t Footprint(const Observed& observed) {
  return static_cast<std::int64_t>(observed.record.heap_bytes() + sizeof(Observed)) + 128;
}

// What a session takes as soon as it is asked: its fold, in float64, and a second one
// for records beyond the prefix.
std::int64_t FoldFootprint(const Record& record) {
  return static_cast<std::int64_t>(record.num_params() * 4 * sizeof(double));
}

absl::Status Gone() {
  return absl::NotFoundError("the session was deleted or reset in the meantime; nothing was kept");
}

}  // namespace

// Holds its series, but not what is in it: what is deleted meanwhile ends it early.
class MemoryStore::Reader final : public SeriesReader {
 public:
  Reader(std::shared_ptr<Series> series, BatchIndex from)
      : series_(std::move(series)), next_(from) {}

  absl::StatusOr<bool> Next(Entry& entry) override {
    if (at_ == taken_.size()) Take();
    if (taken_.empty()) return false;
    entry = std::move(taken_[at_++]);
    return true;
  }

 private:
  void Take() {
    taken_.clear();
    at_ = 0;
    absl::MutexLock lock(&series_->mu);
    auto it = series_->records.lower_bound(next_);
    for (; it != series_->records.end() && taken_.size() < kTakenAtOnce; ++it) {
      taken_.push_back({it->first, it->second});
    }
    if (!taken_.empty()) next_ = taken_.back().index + 1;
  }

  const std::shared_ptr<Series> series_;
  BatchIndex next_;
  std::vector<Entry> taken_;
  std::size_t at_ = 0;
};

absl::Status MemoryStore::ForEachSession(absl::FunctionRef<void(StoredSession)> visit) {
  absl::MutexLock lock(&mu_);
  for (const auto& [id, series] : series_) {
    absl::MutexLock series_lock(&series->mu);
    visit({series->identity, id, series->sealed_count});
  }
  return absl::OkStatus();
}

absl::StatusOr<SeriesId> MemoryStore::CreateSession(
    std::shared_ptr<const SessionIdentity> identity) {
  absl::MutexLock lock(&mu_);
  return Insert(std::move(identity));
}

SeriesId MemoryStore::Insert(std::shared_ptr<const SessionIdentity> identity) {
  const SeriesId id{next_id_++};
  runs_[identity->name.run()].insert(id);
  series_.emplace(id, std::make_shared<Series>(std::move(identity)));
  return id;
}

absl::StatusOr<SeriesId> MemoryStore::ResetSession(SeriesId id) {
  std::shared_ptr<Series> old;
  SeriesId fresh;
  {
    absl::MutexLock lock(&mu_);
    old = Extract(id);
    if (old == nullptr) return Gone();
    fresh = Insert(old->identity);
  }
  Empty(*old);
  return fresh;
}

absl::Status MemoryStore::DeleteSession(SeriesId id) {
  std::shared_ptr<Series> series;
  {
    absl::MutexLock lock(&mu_);
    series = Extract(id);
  }
  if (series != nullptr) Empty(*series);
  return absl::OkStatus();
}

absl::Status MemoryStore::DeleteRun(const RunName& run) {
  // A run of a million sessions goes bit by bit, or all others would wait for it.
  while (true) {
    std::vector<std::shared_ptr<Series>> some;
    {
      absl::MutexLock lock(&mu_);
      const auto it = runs_.find(run.full());
      if (it == runs_.end()) return absl::OkStatus();
      const std::vector<SeriesId> ids(
          it->second.begin(), std::next(it->second.begin(), static_cast<std::ptrdiff_t>(std::min(
                                                                it->second.size(), kTakenAtOnce))));
      for (const SeriesId id : ids) some.push_back(Extract(id));
    }
    for (const std::shared_ptr<Series>& series : some) Empty(*series);
  }
}

std::shared_ptr<MemoryStore::Series> MemoryStore::Extract(SeriesId id) {
  auto node = series_.extract(id);
  if (node.empty()) return nullptr;
  const auto run = runs_.find(node.mapped()->identity->name.run());
  run->second.erase(id);
  if (run->second.empty()) runs_.erase(run);
  return std::move(node.mapped());
}

void MemoryStore::Empty(Series& series) {
  absl::MutexLock lock(&series.mu);
  series.deleted = true;
  std::int64_t freed = series.fold_bytes;
  for (const auto& [index, observed] : series.records) freed += Footprint(*observed);
  series.records.clear();
  bytes_.fetch_sub(freed, std::memory_order_relaxed);
}

std::vector<PutResult> MemoryStore::PutIfAbsent(absl::Span<const NewRecord> records) {
  std::vector<PutResult> results;
  results.reserve(records.size());
  while (results.size() < records.size()) {
    const SeriesId id = records[results.size()].series;
    const std::shared_ptr<Series> series = Find(id);
    if (series == nullptr) {
      results.push_back({.index = records[results.size()].index.value_or(-1), .status = Gone()});
      continue;
    }
    // Neighbours are mostly of one session.
    absl::MutexLock lock(&series->mu);
    while (results.size() < records.size() && records[results.size()].series == id) {
      results.push_back(Put(*series, records[results.size()]));
    }
  }
  return results;
}

PutResult MemoryStore::Put(Series& series, const NewRecord& record) {
  const BatchIndex end = series.records.empty() ? 0 : series.records.rbegin()->first + 1;
  const BatchIndex index = record.index.value_or(end);
  const auto refused = [&](absl::Status status) {
    return PutResult{.index = record.index.value_or(-1), .status = std::move(status)};
  };
  if (series.deleted) return refused(Gone());
  if (index > kMaxBatchIndex) {
    return refused(absl::OutOfRangeError(absl::StrCat("the series ends at index ", kMaxBatchIndex,
                                                      ", the last there is: give an index")));
  }
  // Most records go to the end.
  const auto at = index == end ? series.records.end() : series.records.lower_bound(index);
  if (at != series.records.end() && at->first == index) {
    return {.outcome = at->second->digest == record.observed->digest ? PutResult::kDuplicate
                                                                     : PutResult::kConflict,
            .index = index};
  }
  if (series.sealed_count) return refused(SealedError(index, *series.sealed_count));
  const std::int64_t size = Footprint(*record.observed);
  const std::int64_t fold = series.fold_bytes == 0 ? FoldFootprint(record.observed->record) : 0;
  if (!Reserve(size + fold)) {
    return refused(absl::ResourceExhaustedError(
        absl::StrCat("the record takes ", size + fold, " bytes and the store holds ", bytes(),
                     " of ", max_bytes_, " (--max-store-bytes): delete a run or raise the limit")));
  }
  series.fold_bytes += fold;
  series.records.emplace_hint(at, index, record.observed);
  return {.outcome = PutResult::kStored, .index = index};
}

absl::StatusOr<std::unique_ptr<SeriesReader>> MemoryStore::Read(SeriesId id, BatchIndex from) {
  std::shared_ptr<Series> series = Find(id);
  if (series == nullptr) return Gone();
  return std::make_unique<Reader>(std::move(series), from);
}

absl::StatusOr<std::int64_t> MemoryStore::Seal(SeriesId id, std::optional<std::int64_t> count) {
  const std::shared_ptr<Series> series = Find(id);
  if (series == nullptr) return Gone();
  absl::MutexLock lock(&series->mu);
  if (series->deleted) return Gone();
  IndexSet indices;
  for (const auto& [index, observed] : series->records) indices.Insert(index);
  ASSIGN_OR_RETURN(series->sealed_count, CountToSealAt(indices, series->sealed_count, count));
  return *series->sealed_count;
}

absl::Status MemoryStore::WriteCheckpoint(SeriesId id, const Checkpoint& checkpoint,
                                          bool drop_values) {
  // The records are all there: nothing is saved by keeping their fold as well.
  if (!drop_values) return absl::OkStatus();
  const std::shared_ptr<Series> series = Find(id);
  if (series == nullptr) return Gone();
  absl::MutexLock lock(&series->mu);
  if (series->deleted) return Gone();
  const BatchIndex begin = series->checkpoint == nullptr ? 0 : series->checkpoint->prefix_end;
  std::int64_t freed = 0;
  for (auto it = series->records.lower_bound(begin);
       it != series->records.end() && it->first < checkpoint.prefix_end; ++it) {
    std::shared_ptr<const Observed> bare = it->second->WithoutValues();
    freed += Footprint(*it->second) - Footprint(*bare);
    it->second = std::move(bare);
  }
  bytes_.fetch_sub(freed, std::memory_order_relaxed);
  series->checkpoint = std::make_unique<const Checkpoint>(checkpoint);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Checkpoint>> MemoryStore::ReadCheckpoint(SeriesId id) {
  const std::shared_ptr<Series> series = Find(id);
  if (series == nullptr) return Gone();
  absl::MutexLock lock(&series->mu);
  if (series->checkpoint == nullptr) return std::nullopt;
  return *series->checkpoint;
}

absl::StatusOr<Store::Backup> MemoryStore::CreateBackup(const std::string& /*id*/) {
  return absl::FailedPreconditionError(
      "the server keeps nothing on disk: start it with --store embedded");
}

std::shared_ptr<MemoryStore::Series> MemoryStore::Find(SeriesId id) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = series_.find(id);
  return it == series_.end() ? nullptr : it->second;
}

bool MemoryStore::Reserve(std::int64_t size) {
  std::int64_t held = bytes_.load(std::memory_order_relaxed);
  do {
    if (size > max_bytes_ - held) return false;
  } while (!bytes_.compare_exchange_weak(held, held + size, std::memory_order_relaxed));
  return true;
}

}  // namespace calipers::server
