#include "server/storage/memory/memory_series.h"

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "core/status_macros.h"
#include "server/storage/sealing.h"

namespace calipers::server {
namespace {

// What a record takes: its values, itself, its control block, its entry in the map and
// in its session's set of indices.
std::int64_t Footprint(const SeriesRecord& observed) {
  const std::size_t dimensions =
      observed.shape.size() > 4 ? observed.shape.capacity() * sizeof(std::int64_t) : 0;
  return static_cast<std::int64_t>(observed.record.heap_bytes() + sizeof(SeriesRecord) +
                                   dimensions) +
         128;
}

// What a session takes as soon as it is asked: its fold, in float64, and a second one
// for records beyond the prefix.
std::int64_t FoldFootprint(const Record& record) {
  return static_cast<std::int64_t>(record.num_params() * 4 * sizeof(double));
}

PutResult Refused(const NewRecord& record, absl::Status status) {
  return {PutResult::kRefused, record.index.value_or(-1), std::move(status)};
}

}  // namespace

absl::Status StoreBudget::Reserve(std::int64_t bytes) {
  std::int64_t held = held_.load(std::memory_order_relaxed);
  do {
    if (bytes > max_bytes_ - held) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the record takes ", bytes, " bytes and the store holds ", held, " of ",
                       max_bytes_, " (--max-store-bytes): delete a run or raise the limit"));
    }
  } while (!held_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
  return absl::OkStatus();
}

void MemorySeries::PutIfAbsent(absl::Span<const NewRecord> records, StoreBudget& budget,
                               std::vector<PutResult>& results) {
  absl::MutexLock lock(&mu_);
  for (const NewRecord& record : records) results.push_back(Put(record, budget));
}

PutResult MemorySeries::Put(const NewRecord& record, StoreBudget& budget) {
  if (IsGone()) return Refused(record, SeriesGone());
  const BatchIndex index = record.index.value_or(End());
  if (index < 0 || index > kMaxBatchIndex) {
    return Refused(record, absl::OutOfRangeError(
                               absl::StrCat("index ", index, " is not in 0 to ", kMaxBatchIndex)));
  }
  // Most records go to the end, which is found at once.
  const auto place = index >= End() ? records_.end() : records_.lower_bound(index);
  if (place != records_.end() && place->first == index) {
    const bool same = place->second.observed->digest == record.observed->digest;
    return {same ? PutResult::kDuplicate : PutResult::kConflict, index, {}};
  }
  if (sealed_count_) return Refused(record, SealedError(index, *sealed_count_));
  const std::int64_t fold = has_fold_ ? 0 : FoldFootprint(record.observed->record);
  const std::int64_t size = Footprint(*record.observed) + fold;
  absl::Status taken = budget.Reserve(size);
  if (!taken.ok()) return Refused(record, std::move(taken));
  bytes_ += size;
  has_fold_ = has_fold_ || fold > 0;
  // Nothing is ever taken out, so that the number of records is one of order, too.
  records_.emplace_hint(place, index, Kept{record.observed, records_.size() + 1});
  return {PutResult::kStored, index, {}};
}

BatchIndex MemorySeries::End() const { return records_.empty() ? 0 : records_.rbegin()->first + 1; }

absl::StatusOr<std::int64_t> MemorySeries::Seal(std::optional<std::int64_t> count) {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  IndexSet indices;
  for (const auto& [index, kept] : records_) indices.Insert(index);
  ASSIGN_OR_RETURN(sealed_count_, CountToSealAt(indices, sealed_count_, count));
  return *sealed_count_;
}

absl::Status MemorySeries::WriteCheckpoint(const Checkpoint& checkpoint, bool drop_values,
                                           StoreBudget& budget) {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  const auto next = records_.find(checkpoint.prefix_end);
  if (next != records_.end() && next->second.observed->dropped) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the checkpoint of session ", identity_->name.full(), " ends at ", checkpoint.prefix_end,
        ", and values after that were already dropped (write a later checkpoint)"));
  }
  // The records are at hand as long as they have their values.
  if (!drop_values && checkpoint_ == nullptr) return absl::OkStatus();
  const BatchIndex from = checkpoint_ == nullptr ? 0 : checkpoint_->prefix_end;
  checkpoint_ = std::make_unique<const Checkpoint>(checkpoint);
  if (!drop_values) return absl::OkStatus();
  for (auto it = records_.lower_bound(from);
       it != records_.end() && it->first < checkpoint.prefix_end; ++it) {
    const std::int64_t before = Footprint(*it->second.observed);
    it->second.observed = it->second.observed->WithoutValues();
    const std::int64_t freed = before - Footprint(*it->second.observed);
    budget.Give(freed);
    bytes_ -= freed;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Checkpoint>> MemorySeries::ReadCheckpoint() const {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  if (checkpoint_ == nullptr) return std::nullopt;
  return *checkpoint_;
}

std::optional<std::int64_t> MemorySeries::sealed_count() const {
  absl::MutexLock lock(&mu_);
  return sealed_count_;
}

void MemorySeries::Delete(StoreBudget& budget) {
  absl::MutexLock lock(&mu_);
  deleted_ = true;
  budget.Give(std::exchange(bytes_, 0));
}

absl::StatusOr<std::uint64_t> MemorySeries::Now() const {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  return records_.size();
}

void MemorySeries::Copy(BatchIndex from, std::uint64_t now, std::size_t limit,
                        std::vector<SeriesReader::Entry>& entries) const {
  absl::MutexLock lock(&mu_);
  for (auto it = records_.lower_bound(from); it != records_.end() && entries.size() < limit; ++it) {
    if (it->second.order <= now) entries.push_back({it->first, it->second.observed});
  }
}

}  // namespace calipers::server
