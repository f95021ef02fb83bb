#include "server/storage/duplicate_check.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "server/storage/sealing.h"

namespace calipers::server {
namespace {

// Up to this many pending records, a scan takes less time than filling a map.
constexpr std::size_t kMaxScanned = 16;

DuplicateCheck::Decision Refuse(absl::Status status) {
  return {DuplicateCheck::Place::kRefused, -1, std::move(status)};
}

}  // namespace

PutResult Refused(const NewRecord& record, absl::Status status) {
  return {PutResult::kRefused, record.index.value_or(-1), std::move(status)};
}

SeriesForm DuplicateCheck::FormWith(const SeriesFacts& facts) const {
  SeriesForm form = facts.Form();
  if (!form.dtype && first_ != nullptr) {
    form.dtype = first_->observed->record.dtype();
    form.qparam_shape = first_->qparam_shape;
  }
  return form;
}

DuplicateCheck::Decision DuplicateCheck::Decide(const SeriesFacts& facts, const NewRecord& record) {
  assert(facts.problem.ok());
  const Record& values = record.observed->record;
  absl::Status fits = CheckFits(identity_->name, FormWith(facts),
                                {values.dtype(), values.empty(), record.qparam_shape});
  if (!fits.ok()) return Refuse(std::move(fits));
  const BatchIndex end = std::max(facts.indices.End(), end_);
  const BatchIndex index = record.index.value_or(end);
  if (index < 0 || index > kMaxBatchIndex) {
    return Refuse(
        absl::OutOfRangeError(absl::StrCat("index ", index, " is not in 0 to ", kMaxBatchIndex)));
  }
  // Most records are added at the end, where no record can be, so they need no search.
  if (index < end && (facts.indices.Contains(index) || Find(index) != nullptr)) {
    return {Place::kTaken, index};
  }
  if (facts.sealed_count) return Refuse(SealedError(index, *facts.sealed_count));
  pending_.push_back({index, &record});
  end_ = std::max(end_, index + 1);
  if (first_ == nullptr && !values.empty()) first_ = &record;
  return {Place::kFree, index};
}

const SeriesRecord* DuplicateCheck::Find(BatchIndex index) {
  if (pending_.size() <= kMaxScanned) {
    const auto it = std::find_if(pending_.begin(), pending_.end(),
                                 [=](const Pending& one) { return one.index == index; });
    return it == pending_.end() ? nullptr : it->record->observed.get();
  }
  for (; indexed_ < pending_.size(); ++indexed_) {
    by_index_.emplace(pending_[indexed_].index, indexed_);
  }
  const auto it = by_index_.find(index);
  return it == by_index_.end() ? nullptr : pending_[it->second].record->observed.get();
}

PutResult DuplicateCheck::Compare(BatchIndex index, const Digest& held, const SeriesRecord& given) {
  if (held == given.digest || (given.record.empty() && IsDigestOf(held, given.record))) {
    return {PutResult::kDuplicate, index};
  }
  ++(Find(index) == nullptr ? conflicts_with_stored_ : conflicts_with_pending_);
  return {PutResult::kConflict, index};
}

void DuplicateCheck::ApplyTo(SeriesFacts& facts) const {
  assert(pending_.empty() || !facts.sealed_count);
  for (const Pending& one : pending_) {
    facts.Add(identity_->spec, one.index, *one.record->observed, one.record->qparam_shape);
  }
  facts.conflict_count += conflicts_with_stored_ + conflicts_with_pending_;
}

}  // namespace calipers::server
