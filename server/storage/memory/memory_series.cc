#include "server/storage/memory/memory_series.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "core/status_macros.h"
#include "server/storage/duplicate_check.h"
#include "server/storage/sealing.h"

namespace calipers::server {
namespace {

// The memory of a record, in bytes: its values, the object, its control block, and its entries in
// the map and in the set of indices.
std::int64_t Footprint(const SeriesRecord& observed) {
  const std::size_t dimensions =
      observed.shape.size() > 4 ? observed.shape.capacity() * sizeof(std::int64_t) : 0;
  return static_cast<std::int64_t>(observed.record.heap_bytes() + sizeof(SeriesRecord) +
                                   dimensions) +
         128;
}

// The memory that a session takes at its first query, in bytes: its fold, in float64, and a second
// fold for records behind a gap.
std::int64_t FoldFootprint(const Record& record) {
  return static_cast<std::int64_t>(record.num_params() * 4 * sizeof(double));
}

absl::Status Reserve(ByteBudget& budget, std::int64_t bytes) {
  std::int64_t free = 0;
  if (budget.TryReserve(bytes, free)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the record takes ", bytes, " bytes and the store holds ", budget.max_bytes() - free, " of ",
      budget.max_bytes(), " (--max-store-bytes): delete a run or raise the limit"));
}

}  // namespace

void MemorySeries::PutIfAbsent(absl::Span<const NewRecord> records, ByteBudget& budget,
                               std::vector<PutResult>& results) {
  absl::MutexLock lock(&mu_);
  const auto before = static_cast<std::ptrdiff_t>(results.size());
  for (const NewRecord& record : records) results.push_back(Put(record, budget));
  const auto none = results.rend() - before;
  const auto last = std::find_if(results.rbegin(), none, [](const PutResult& result) {
    return result.outcome != PutResult::kRefused;
  });
  if (last != none) last->summary = std::make_shared<const SeriesSummary>(facts_.Summary());
}

PutResult MemorySeries::Put(const NewRecord& record, ByteBudget& budget) {
  if (IsGone()) return Refused(record, SeriesGone());
  DuplicateCheck puts(identity_.get());
  DuplicateCheck::Decision decision = puts.Decide(facts_, record);
  if (decision.place == DuplicateCheck::Place::kRefused) {
    return Refused(record, std::move(decision.status));
  }
  if (decision.place == DuplicateCheck::Place::kTaken) {
    const SeriesRecord& held = *records_.find(decision.index)->second.observed;
    PutResult result = puts.Compare(decision.index, held.digest, *record.observed);
    puts.ApplyTo(facts_);
    return result;
  }
  const std::int64_t fold = has_fold_ ? 0 : FoldFootprint(record.observed->record);
  const std::int64_t size = Footprint(*record.observed) + fold;
  absl::Status taken = Reserve(budget, size);
  if (!taken.ok()) return Refused(record, std::move(taken));
  bytes_ += size;
  has_fold_ = has_fold_ || fold > 0;
  puts.ApplyTo(facts_);
  // Records are never removed, so the number of records gives their order, too.
  records_.emplace_hint(records_.end(), decision.index, Kept{record.observed, records_.size() + 1});
  assert(facts_.coverage.count == static_cast<std::int64_t>(records_.size()));
  return {PutResult::kStored, decision.index};
}

absl::Status MemorySeries::CheckFits(const RecordForm& form) const {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  return server::CheckFits(identity_->name, facts_.Form(), form);
}

absl::StatusOr<SeriesFacts> MemorySeries::Facts() const {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  return facts_;
}

absl::StatusOr<SeriesSummary> MemorySeries::Summary() const {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  return facts_.Summary();
}

absl::StatusOr<std::int64_t> MemorySeries::Seal(std::optional<std::int64_t> count) {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  ASSIGN_OR_RETURN(facts_.sealed_count, CountToSealAt(facts_.indices, facts_.sealed_count, count));
  return *facts_.sealed_count;
}

absl::Status MemorySeries::WriteCheckpoint(const Checkpoint& checkpoint, bool drop_values,
                                           ByteBudget& budget) {
  absl::MutexLock lock(&mu_);
  if (IsGone()) return SeriesGone();
  const auto next = records_.find(checkpoint.prefix_end);
  if (next != records_.end() && next->second.observed->dropped) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the checkpoint of session ", identity_->name.full(), " ends at ", checkpoint.prefix_end,
        ", and values after that were already dropped (write a later checkpoint)"));
  }
  // A checkpoint is not needed while all records have their values.
  if (!drop_values && checkpoint_ == nullptr) return absl::OkStatus();
  const BatchIndex from = checkpoint_ == nullptr ? 0 : checkpoint_->prefix_end;
  checkpoint_ = std::make_unique<const Checkpoint>(checkpoint);
  facts_.checkpoint_end = checkpoint.prefix_end;
  if (!drop_values) return absl::OkStatus();
  for (auto it = records_.lower_bound(from);
       it != records_.end() && it->first < checkpoint.prefix_end; ++it) {
    const std::int64_t before = Footprint(*it->second.observed);
    it->second.observed = it->second.observed->WithoutValues();
    const std::int64_t freed = before - Footprint(*it->second.observed);
    budget.Release(freed);
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
  return facts_.sealed_count;
}

void MemorySeries::Delete(ByteBudget& budget) {
  absl::MutexLock lock(&mu_);
  deleted_ = true;
  budget.Release(std::exchange(bytes_, 0));
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
