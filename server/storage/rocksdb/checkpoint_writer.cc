#include "server/storage/rocksdb/checkpoint_writer.h"

#include <cassert>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "rocksdb/write_batch.h"
#include "server/storage/rocksdb/facts_loader.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/row_checksum.h"
#include "server/storage/rows.h"
#include "storage/rows.pb.h"

namespace calipers::server {
namespace {

// Bytes of records that are read, and rewritten in one write.
constexpr std::size_t kChunkBytes = std::size_t{4} << 20;

// True if the record at `index` is stored without its values.
absl::StatusOr<bool> IsDropped(const Database& database, const LiveSeries& series,
                               BatchIndex index) {
  const ObservedKey key = MakeObservedKey(series.run->id, series.id, index);
  ASSIGN_OR_RETURN(const std::optional<std::string> body, database.Get(AsText(key)));
  if (!body) return false;
  ASSIGN_OR_RETURN(const std::shared_ptr<const SeriesRecord> observed, DecodeObserved(*body));
  return observed->dropped;
}

// The index of the first record that may have values. Values are dropped in index order, at most up
// to the end of a checkpoint, but a crash may have interrupted this.
absl::StatusOr<BatchIndex> FirstUndropped(const Database& database, const LiveSeries& series,
                                          BatchIndex checkpoint_end) {
  for (BatchIndex index = checkpoint_end; index > 0; --index) {
    ASSIGN_OR_RETURN(const bool dropped, IsDropped(database, series, index - 1));
    if (dropped) return index;
  }
  return 0;
}

// Adds the record without its values to the batch.
absl::Status DropValues(absl::string_view key, absl::string_view body, rocksdb::WriteBatch& batch) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const SeriesRecord> observed, DecodeObserved(body));
  storage::v1::ObservedRow scratch;
  std::string value;
  EncodeObserved(*observed->WithoutValues(), scratch, value);
  PutRow(key, std::move(value), batch);
  return absl::OkStatus();
}

// Writes the rows of `batch`, and the records from `from` to `end` - 1 without their values.
absl::Status WriteDropping(Database& database, const LiveSeries& series, BatchIndex from,
                           BatchIndex end, rocksdb::WriteBatch& batch) {
  KeyRange rows = RecordsFrom(series.run->id, series.id, from);
  rows.end = RecordsFrom(series.run->id, series.id, end).begin;
  const auto cursor = database.Read(std::move(rows));
  std::size_t bytes_read = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool more,
                     cursor->Next([&](absl::string_view key, absl::string_view body) {
                       bytes_read += body.size();
                       return DropValues(key, body, batch);
                     }));
    if (!more) return database.Write(batch, Database::Keep::kSometime);
    if (bytes_read < kChunkBytes) continue;
    // The first write contains the checkpoint. It must be durable before the next write.
    RETURN_IF_ERROR(database.Write(batch, Database::Keep::kBeforeReturn));
    batch.Clear();
    bytes_read = 0;
  }
}

}  // namespace

absl::StatusOr<std::optional<Checkpoint>> FetchCheckpoint(const Database& database,
                                                          const LiveSeries& series) {
  const std::string key = CheckpointKey(series.run->id, series.id);
  const absl::StatusOr<std::optional<std::string>> body = database.Get(key);
  if (!body.ok()) return InSeries(series, body.status());
  if (!*body) return std::nullopt;
  absl::StatusOr<Checkpoint> checkpoint = DecodeCheckpoint(**body);
  if (!checkpoint.ok()) return InSeries(series, checkpoint.status());
  return *std::move(checkpoint);
}

absl::Status StoreCheckpoint(Database& database, LiveSeries& series, const Checkpoint& checkpoint,
                             bool drop_values) {
  absl::MutexLock lock(&series.load_mu);
  const absl::StatusOr<bool> needed = IsDropped(database, series, checkpoint.prefix_end);
  if (!needed.ok()) return InSeries(series, needed.status());
  if (*needed) {
    return absl::FailedPreconditionError(
        absl::StrCat("the checkpoint of session ", series.identity->name.full(), " ends at ",
                     checkpoint.prefix_end,
                     ", and values after that were already dropped (write a later checkpoint)"));
  }
  // Write the facts row together with the checkpoint, because it counts the records whose values
  // are dropped. If a put wrote a newer facts row in the meantime, this row lacks some records.
  // LoadFacts then finds them by reading the records.
  ASSIGN_OR_RETURN(SeriesFacts facts, FetchFactsLocked(database, series));
  assert(checkpoint.prefix_end <= facts.indices.ContiguousPrefix());
  facts.checkpoint_end = checkpoint.prefix_end;
  rocksdb::WriteBatch batch;
  PutRow(CheckpointKey(series.run->id, series.id), EncodeCheckpoint(checkpoint), batch);
  PutRow(FactsKey(series.run->id, series.id), EncodeFacts(facts), batch);
  if (drop_values) {
    ASSIGN_OR_RETURN(const std::optional<Checkpoint> before, FetchCheckpoint(database, series));
    const absl::StatusOr<BatchIndex> from =
        FirstUndropped(database, series, before ? before->prefix_end : 0);
    if (!from.ok()) return InSeries(series, from.status());
    RETURN_IF_ERROR(
        InSeries(series, WriteDropping(database, series, *from, checkpoint.prefix_end, batch)));
  } else {
    RETURN_IF_ERROR(database.Write(batch, Database::Keep::kSometime));
  }
  series.CheckpointWritten(checkpoint.prefix_end, facts.coverage.count);
  return absl::OkStatus();
}

}  // namespace calipers::server
