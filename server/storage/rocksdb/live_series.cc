#include "server/storage/rocksdb/live_series.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "server/storage/sealing.h"

namespace calipers::server {
namespace {

// A row with many ranges and workers is large. It is written less often, so that its cost for each
// record stays constant.
std::int64_t RecordsBetweenRows(const SeriesFacts& facts) {
  return std::max(
      kRecordsBetweenFactsRows,
      facts.indices.MissingRangeCount() + static_cast<std::int64_t>(facts.coverage.workers.size()));
}

}  // namespace

std::optional<absl::Status> LiveSeries::FactsStatus() const {
  absl::MutexLock lock(&mu_);
  if (!lost_.ok()) return lost_;
  if (facts_ == nullptr) return std::nullopt;
  return absl::OkStatus();
}

void LiveSeries::SetFacts(SeriesFacts facts, std::int64_t saved) {
  absl::MutexLock lock(&mu_);
  assert(facts_ == nullptr && saved <= facts.coverage.count);
  facts_ = std::make_unique<SeriesFacts>(std::move(facts));
  facts_->sealed_count = sealed_count_;
  facts_->conflict_count = conflict_count_;
  saved_ = saved;
}

void LiveSeries::SetLost(absl::Status problem) {
  absl::MutexLock lock(&mu_);
  assert(facts_ == nullptr && !problem.ok());
  lost_ = std::move(problem);
}

std::optional<SeriesFacts> LiveSeries::Facts() const {
  absl::MutexLock lock(&mu_);
  if (facts_ == nullptr) return std::nullopt;
  return *facts_;
}

std::optional<SeriesSummary> LiveSeries::Summary() const {
  absl::MutexLock lock(&mu_);
  if (facts_ == nullptr) return std::nullopt;
  return facts_->Summary();
}

SeriesFacts LiveSeries::FactsWith(absl::Status problem) const {
  absl::MutexLock lock(&mu_);
  SeriesFacts facts;
  facts.sealed_count = sealed_count_;
  facts.conflict_count = conflict_count_;
  facts.problem = std::move(problem);
  return facts;
}

std::optional<std::int64_t> LiveSeries::sealed_count() const {
  absl::MutexLock lock(&mu_);
  return sealed_count_;
}

absl::Status LiveSeries::CheckFits(const RecordForm& form) const {
  absl::MutexLock lock(&mu_);
  if (!lost_.ok()) return lost_;
  if (facts_ == nullptr) return absl::OkStatus();
  return server::CheckFits(identity->name, facts_->Form(), form);
}

DuplicateCheck::Decision LiveSeries::Decide(DuplicateCheck& puts, const NewRecord& record) const {
  absl::MutexLock lock(&mu_);
  assert(facts_ != nullptr);
  return puts.Decide(*facts_, record);
}

absl::StatusOr<std::int64_t> LiveSeries::DecideSeal(std::optional<std::int64_t> count) const {
  absl::MutexLock lock(&mu_);
  assert(facts_ != nullptr);
  return CountToSealAt(facts_->indices, facts_->sealed_count, count);
}

std::optional<SeriesFacts> LiveSeries::FactsToSave(const DuplicateCheck& puts) const {
  absl::MutexLock lock(&mu_);
  assert(facts_ != nullptr);
  const std::int64_t count =
      facts_->coverage.count + static_cast<std::int64_t>(puts.pending().size());
  if (count - saved_ < RecordsBetweenRows(*facts_)) return std::nullopt;
  SeriesFacts facts = *facts_;
  puts.ApplyTo(facts);
  return facts;
}

SeriesSummary LiveSeries::Apply(const DuplicateCheck& puts, bool facts_saved) {
  absl::MutexLock lock(&mu_);
  assert(facts_ != nullptr);
  puts.ApplyTo(*facts_);
  conflict_count_ = facts_->conflict_count;
  if (facts_saved) saved_ = facts_->coverage.count;
  assert(saved_ <= facts_->coverage.count);
  return facts_->Summary();
}

SeriesSummary LiveSeries::ForgetFacts(const DuplicateCheck& puts) {
  absl::MutexLock lock(&mu_);
  assert(facts_ != nullptr);
  conflict_count_ += puts.conflicts_with_stored();
  facts_->conflict_count = conflict_count_;
  const SeriesSummary before = facts_->Summary();
  facts_ = nullptr;
  return before;
}

void LiveSeries::Seal(std::int64_t count) {
  absl::MutexLock lock(&mu_);
  assert(facts_ != nullptr && facts_->coverage.count == count);
  assert(!sealed_count_ || *sealed_count_ == count);
  sealed_count_ = facts_->sealed_count = count;
}

void LiveSeries::CheckpointWritten(BatchIndex end, std::int64_t saved) {
  absl::MutexLock lock(&mu_);
  // A write may have failed meanwhile.
  if (facts_ == nullptr) return;
  assert(end <= facts_->indices.ContiguousPrefix());
  facts_->checkpoint_end = end;
  saved_ = saved;
}

absl::Status InSeries(const LiveSeries& series, const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(
      absl::StrCat("session ", series.identity->name.full(), ": ", status.message(),
                   " (restore a backup, or reset the session and send its batches again)"));
}

}  // namespace calipers::server
