#include "server/memory_store.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace calipers::server {
namespace {

// What a record takes: its values, itself, its control block, its entry in the map
// and in its session's set of indices.
std::int64_t Footprint(const Record& record) {
  return static_cast<std::int64_t>(record.heap_bytes() + sizeof(Record)) + 128;
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

absl::StatusOr<SeriesId> MemoryStore::CreateSeries() {
  absl::MutexLock lock(&mu_);
  const SeriesId id{next_id_++};
  series_.emplace(id, std::make_shared<Series>());
  return id;
}

absl::Status MemoryStore::DeleteSeries(SeriesId id) {
  std::shared_ptr<Series> series;
  {
    absl::MutexLock lock(&mu_);
    auto node = series_.extract(id);
    if (node.empty()) return absl::OkStatus();
    series = std::move(node.mapped());
  }
  absl::MutexLock lock(&series->mu);
  series->deleted = true;
  std::int64_t freed = series->fold_bytes;
  for (const auto& [index, record] : series->records) freed += Footprint(*record);
  series->records.clear();
  bytes_.fetch_sub(freed, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::StatusOr<PutOutcome> MemoryStore::PutIfAbsent(SeriesId id, BatchIndex index,
                                                    std::shared_ptr<const Record> record) {
  const std::shared_ptr<Series> series = Find(id);
  if (series == nullptr) return Gone();
  const std::int64_t size = Footprint(*record);
  absl::MutexLock lock(&series->mu);
  if (series->deleted) return Gone();
  const auto [it, is_new] = series->records.try_emplace(index, record);
  if (!is_new) return *it->second == *record ? PutOutcome::kDuplicate : PutOutcome::kConflict;
  const std::int64_t fold = series->fold_bytes == 0 ? FoldFootprint(*record) : 0;
  if (!Reserve(size + fold)) {
    series->records.erase(it);
    return absl::ResourceExhaustedError(
        absl::StrCat("the record takes ", size + fold, " bytes and the store holds ", bytes(),
                     " of ", max_bytes_, " (--max-store-bytes): delete a run or raise the limit"));
  }
  series->fold_bytes += fold;
  return PutOutcome::kStored;
}

absl::Status MemoryStore::Scan(
    SeriesId id, BatchIndex from,
    absl::FunctionRef<void(BatchIndex, std::shared_ptr<const Record>)> visit) const {
  const std::shared_ptr<Series> series = Find(id);
  if (series == nullptr) return Gone();
  absl::MutexLock lock(&series->mu);
  for (auto it = series->records.lower_bound(from); it != series->records.end(); ++it) {
    visit(it->first, it->second);
  }
  return absl::OkStatus();
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
