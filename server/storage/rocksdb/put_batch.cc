#include "server/storage/rocksdb/put_batch.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/rocksdb_status.h"
#include "server/storage/rocksdb/row_checksum.h"
#include "server/storage/rows.h"
#include "server/storage/sealing.h"
#include "storage/rows.pb.h"

namespace calipers::server {
namespace {

PutResult Refused(std::optional<BatchIndex> index, absl::Status status) {
  return {PutResult::kRefused, index.value_or(-1), std::move(status)};
}

PutResult Uncertain(std::optional<BatchIndex> index, absl::Status status) {
  return {PutResult::kUncertain, index.value_or(-1), std::move(status)};
}

PutResult SameOrConflict(const Digest& there, const Digest& given, BatchIndex index) {
  return {there == given ? PutResult::kDuplicate : PutResult::kConflict, index, {}};
}

absl::StatusOr<Digest> StoredDigest(const Database& database, const LiveSeries& series,
                                    BatchIndex index) {
  const ObservedKey key = MakeObservedKey(series.run->id, series.id, index);
  ASSIGN_OR_RETURN(const std::optional<std::string> body, database.Get(AsText(key)));
  if (!body) return absl::DataLossError(absl::StrCat(Describe(AsText(key)), " is missing"));
  return DecodeDigest(*body);
}

// Where the indices beyond what a checkpoint stands for begin. Without a checkpoint that
// can be read each row tells of itself.
absl::StatusOr<BatchIndex> CheckpointEnd(const Database& database, const LiveSeries& series) {
  const absl::StatusOr<std::optional<std::string>> body =
      database.Get(CheckpointKey(series.run->id, series.id));
  if (absl::IsDataLoss(body.status())) return 0;
  RETURN_IF_ERROR(body.status());
  if (!*body) return 0;
  const absl::StatusOr<Checkpoint> checkpoint = DecodeCheckpoint(**body);
  return checkpoint.ok() ? checkpoint->prefix_end : 0;
}

}  // namespace

absl::Status LoadIndices(const Database& database, LiveSeries& series) {
  if (series.indices != nullptr) return absl::OkStatus();
  auto indices = std::make_unique<IndexSet>();
  ASSIGN_OR_RETURN(const BatchIndex from, CheckpointEnd(database, series));
  indices->InsertPrefix(from);
  const auto cursor = database.Read(RecordsFrom(series.run->id, series.id, from));
  while (true) {
    const absl::StatusOr<bool> more =
        cursor->NextUnchecked([&](absl::string_view key, absl::string_view) -> absl::Status {
          const BatchIndex index = IndexIn(key);
          if (index < 0) return absl::DataLossError("malformed record key");
          indices->Insert(index);
          return absl::OkStatus();
        });
    if (!more.ok()) return InSeries(series, more.status());
    if (!*more) break;
  }
  series.indices = std::move(indices);
  return absl::OkStatus();
}

PutBatch::PutBatch(Database* database, absl::Span<const NewRecord> records)
    : database_(database), records_(records) {
  results_.reserve(records.size());
  series_of_.reserve(records.size());
}

void PutBatch::Add(const std::shared_ptr<LiveSeries>& series) {
  const NewRecord& record = records_[results_.size()];
  PutResult result = Decide(series, record);
  series_of_.push_back(series.get());
  results_.push_back(std::move(result));
}

PutResult PutBatch::Decide(const std::shared_ptr<LiveSeries>& series, const NewRecord& record) {
  if (series == nullptr) return Refused(record.index, SeriesGone());
  if (touched_.empty() || touched_.back() != series) touched_.push_back(series);
  const absl::Status loaded = LoadIndices(*database_, *series);
  if (!loaded.ok()) return Refused(record.index, loaded);
  const BatchIndex index = record.index.value_or(series->indices->End());
  if (index < 0 || index > kMaxBatchIndex) {
    return Refused(record.index, absl::OutOfRangeError(absl::StrCat(
                                     "index ", index, " is not in 0 to ", kMaxBatchIndex)));
  }
  if (series->sealed_count) {
    if (!series->indices->Contains(index)) {
      return Refused(record.index, SealedError(index, *series->sealed_count));
    }
  } else if (series->indices->Insert(index)) {
    to_store_.push_back({series->run->id, series->id, index, record.observed.get()});
    return {PutResult::kStored, index, {}};
  }
  return Compare(*series, record, index);
}

PutResult PutBatch::Compare(const LiveSeries& series, const NewRecord& record, BatchIndex index) {
  if (const SeriesRecord* staged = StagedAt({&series, index})) {
    resting_on_batch_.push_back(results_.size());
    return SameOrConflict(staged->digest, record.observed->digest, index);
  }
  const absl::StatusOr<Digest> there = StoredDigest(*database_, series, index);
  if (!there.ok()) return Refused(index, InSeries(series, there.status()));
  return SameOrConflict(*there, record.observed->digest, index);
}

const SeriesRecord* PutBatch::StagedAt(const Place& place) {
  if (to_store_.empty()) return nullptr;
  for (; staged_seen_ < results_.size(); ++staged_seen_) {
    const PutResult& result = results_[staged_seen_];
    if (result.outcome != PutResult::kStored) continue;
    staged_.emplace(Place{series_of_[staged_seen_], result.index}, staged_seen_);
  }
  const auto it = staged_.find(place);
  return it == staged_.end() ? nullptr : records_[it->second].observed.get();
}

void PutBatch::WriteStaged() {
  // What lies side by side goes into memory side by side: streams take turns with the
  // sessions, and to look up each record's place anew would be most of a write.
  std::sort(to_store_.begin(), to_store_.end(), [](const StagedRow& a, const StagedRow& b) {
    return a.series != b.series ? a.series < b.series : a.index < b.index;
  });
  storage::v1::ObservedRow scratch;
  std::string value;
  for (const StagedRow& row : to_store_) {
    const ObservedKey key = MakeObservedKey(row.run, row.series, row.index);
    value.clear();
    EncodeObserved(*row.observed, scratch, value);
    AppendChecksum(AsText(key), value);
    batch_.Put({key.data(), key.size()}, value).PermitUncheckedError();
  }
}

std::vector<PutResult> PutBatch::Commit() && {
  if (to_store_.empty()) return std::move(results_);
  WriteStaged();
  const absl::Status status = database_->Write(batch_, Database::Keep::kBeforeReturn);
  if (status.ok()) return std::move(results_);
  for (const std::size_t i : resting_on_batch_) results_[i].outcome = PutResult::kStored;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (results_[i].outcome != PutResult::kStored) continue;
    results_[i] = Uncertain(records_[i].index, status);
  }
  // What was decided did not come to pass; what is there is read when someone asks.
  for (const std::shared_ptr<LiveSeries>& series : touched_) series->indices.reset();
  return std::move(results_);
}

}  // namespace calipers::server
