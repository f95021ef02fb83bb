#include "server/storage/rocksdb/put_batch.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/digest/digest.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/facts_loader.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/row_checksum.h"
#include "server/storage/rows.h"
#include "storage/rows.pb.h"

namespace calipers::server {
namespace {

absl::StatusOr<Digest> StoredDigest(const Database& database, const LiveSeries& series,
                                    BatchIndex index) {
  const ObservedKey key = MakeObservedKey(series.run->id, series.id, index);
  ASSIGN_OR_RETURN(const std::optional<std::string> body, database.Get(AsText(key)));
  if (!body) return absl::DataLossError(absl::StrCat(Describe(AsText(key)), " is missing"));
  return DecodeDigest(*body);
}

struct Row {
  RunId run;
  SeriesId series;
  BatchIndex index;
  const SeriesRecord* observed;
};

}  // namespace

PutBatch::PutBatch(Database* database, absl::Span<const NewRecord> records)
    : database_(database), records_(records) {
  results_.reserve(records.size());
  touched_of_.reserve(records.size());
}

void PutBatch::Add(const std::shared_ptr<LiveSeries>& series) {
  const NewRecord& record = records_[results_.size()];
  const absl::StatusOr<Touched*> touched = Touch(series);
  touched_of_.push_back(touched.ok() ? *touched : nullptr);
  results_.push_back(touched.ok() ? Decide(**touched, record) : Refused(record, touched.status()));
}

absl::StatusOr<PutBatch::Touched*> PutBatch::Touch(const std::shared_ptr<LiveSeries>& series) {
  if (series == nullptr) return SeriesGone();
  const auto it = by_series_.try_emplace(series.get(), nullptr).first;
  if (it->second == nullptr) {
    RETURN_IF_ERROR(LoadFacts(*database_, *series));
    it->second = &touched_.emplace_back(series);
  }
  return it->second;
}

PutResult PutBatch::Decide(Touched& touched, const NewRecord& record) {
  DuplicateCheck::Decision decision = touched.series->Decide(touched.puts, record);
  switch (decision.place) {
    case DuplicateCheck::Place::kFree:
      return {PutResult::kStored, decision.index};
    case DuplicateCheck::Place::kTaken:
      return Compare(touched, record, decision.index);
    case DuplicateCheck::Place::kRefused:
      break;
  }
  return Refused(record, std::move(decision.status));
}

PutResult PutBatch::Compare(Touched& touched, const NewRecord& record, BatchIndex index) {
  const SeriesRecord& given = *record.observed;
  if (const SeriesRecord* pending = touched.puts.Find(index)) {
    resting_on_batch_.push_back(results_.size());
    return touched.puts.Compare(index, pending->digest, given);
  }
  const absl::StatusOr<Digest> held = StoredDigest(*database_, *touched.series, index);
  if (!held.ok()) {
    return {PutResult::kRefused, index, InSeries(*touched.series, held.status())};
  }
  return touched.puts.Compare(index, *held, given);
}

void PutBatch::WriteRecords() {
  std::vector<Row> rows;
  for (const Touched& touched : touched_) {
    for (const DuplicateCheck::Pending& one : touched.puts.pending()) {
      rows.push_back(
          {touched.series->run->id, touched.series->id, one.index, one.record->observed.get()});
    }
  }
  // Insert the rows in key order, so that the place of a row is next to the place of the row before
  // it. Streams alternate between the sessions, and a new search for each record would take most of
  // the time of a write.
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.series != b.series ? a.series < b.series : a.index < b.index;
  });
  storage::v1::ObservedRow scratch;
  std::string value;
  for (const Row& row : rows) {
    const ObservedKey key = MakeObservedKey(row.run, row.series, row.index);
    value.clear();
    EncodeObserved(*row.observed, scratch, value);
    AppendChecksum(AsText(key), value);
    batch_.Put({key.data(), key.size()}, value).PermitUncheckedError();
  }
}

void PutBatch::WriteFacts() {
  for (Touched& touched : touched_) {
    if (touched.puts.pending().empty()) continue;
    const std::optional<SeriesFacts> facts = touched.series->FactsToSave(touched.puts);
    if (!facts) continue;
    PutRow(FactsKey(touched.series->run->id, touched.series->id), EncodeFacts(*facts), batch_);
    touched.facts_saved = true;
  }
}

void PutBatch::Fail(const absl::Status& status) {
  for (const std::size_t i : resting_on_batch_) results_[i].outcome = PutResult::kStored;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (results_[i].outcome != PutResult::kStored) continue;
    results_[i] = {PutResult::kUncertain, records_[i].index.value_or(-1), status};
  }
  for (Touched& touched : touched_) {
    // A series without pending records had no rows in the batch.
    touched.summary = std::make_shared<const SeriesSummary>(
        touched.puts.pending().empty() ? touched.series->Apply(touched.puts, false)
                                       : touched.series->ForgetFacts(touched.puts));
  }
}

void PutBatch::Apply() {
  for (Touched& touched : touched_) {
    touched.summary = std::make_shared<const SeriesSummary>(
        touched.series->Apply(touched.puts, touched.facts_saved));
  }
}

std::vector<PutResult> PutBatch::Results() && {
  for (std::size_t i = results_.size(); i-- > 0;) {
    const PutResult::Outcome outcome = results_[i].outcome;
    if (outcome == PutResult::kRefused || outcome == PutResult::kUncertain) continue;
    assert(touched_of_[i] != nullptr);
    // A copy for each record would take several percent of the time.
    results_[i].summary = std::exchange(touched_of_[i]->summary, nullptr);
  }
  return std::move(results_);
}

std::vector<PutResult> PutBatch::Commit() && {
  WriteRecords();
  absl::Status status;
  if (batch_.Count() > 0) {
    WriteFacts();
    status = database_->Write(batch_, Database::Keep::kBeforeReturn);
  }
  if (status.ok()) {
    Apply();
  } else {
    Fail(status);
  }
  return std::move(*this).Results();
}

}  // namespace calipers::server
