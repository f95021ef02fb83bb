#include "server/storage/rocksdb/facts_loader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "core/reduce/geometry.h"
#include "core/status_macros.h"
#include "server/base/log.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/row_checksum.h"
#include "server/storage/rows.h"

namespace calipers::server {
namespace {

// A series with more gaps is read from its first gap on: one search, instead of one for each gap.
constexpr std::size_t kMaxGapsSearched = 64;

// The facts that the checkpoint contains; empty if there is no checkpoint.
absl::StatusOr<SeriesFacts> FactsOfCheckpoint(const Database& database, const LiveSeries& series) {
  SeriesFacts facts;
  ASSIGN_OR_RETURN(const std::optional<std::string> row,
                   database.Get(CheckpointKey(series.run->id, series.id)));
  if (!row) return facts;
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, DecodeCheckpoint(*row));
  if (checkpoint.prefix_end == 0) return facts;
  ASSIGN_OR_RETURN(SeriesState state, DecodeState(checkpoint.state));
  if (state.coverage.count != checkpoint.prefix_end) {
    return absl::DataLossError("the checkpoint counts other records than it covers");
  }
  facts.indices.Append({0, checkpoint.prefix_end});
  facts.coverage = std::move(state.coverage);
  facts.dtype = state.dtype;
  facts.qparam_shape = std::move(state.qparam_shape);
  facts.checkpoint_end = checkpoint.prefix_end;
  return facts;
}

// Adds a record that is not in the facts.
absl::Status Count(const SessionIdentity& identity, BatchIndex index, const SeriesRecord& observed,
                   SeriesFacts& facts) {
  if (observed.dropped) {
    return absl::DataLossError(
        absl::StrCat("the values of record ", index, " were dropped, and no row has their counts"));
  }
  const Record& record = observed.record;
  if (!record.empty() && facts.dtype && *facts.dtype != record.dtype()) {
    return absl::DataLossError(
        absl::StrCat("record ", index, " has another dtype than the records before it"));
  }
  std::vector<std::int64_t> qparam_shape;
  if (!record.empty()) {
    if (facts.qparam_shape) {
      qparam_shape = *facts.qparam_shape;
    } else {
      const absl::StatusOr<View> view = MakeView(identity.name.base_name(), identity.spec.args,
                                                 identity.spec.arithmetic, observed.shape);
      if (!view.ok()) {
        return absl::DataLossError(absl::StrCat("record ", index, ": ", view.status().message()));
      }
      qparam_shape = view->qparam_shape;
    }
  }
  facts.Add(identity.spec, index, observed, qparam_shape);
  return absl::OkStatus();
}

// Adds the records of a range that are not in the facts.
absl::Status CountRange(const Database& database, const LiveSeries& series, IndexRange range,
                        SeriesRecordDecoder& decoder, SeriesFacts& facts) {
  KeyRange rows = RecordsFrom(series.run->id, series.id, range.start);
  if (range.end <= kMaxBatchIndex) {
    rows.end = RecordsFrom(series.run->id, series.id, range.end).begin;
  }
  const auto cursor = database.Read(std::move(rows));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, cursor->NextUnchecked([&](absl::string_view key,
                                                                absl::string_view value) {
      const BatchIndex index = IndexIn(key);
      if (index < 0) return absl::DataLossError("a record has a malformed key");
      if (facts.indices.Contains(index)) return absl::OkStatus();
      const absl::StatusOr<absl::string_view> body = CheckedBody(key, value);
      if (!body.ok()) return body.status();
      const auto observed = decoder.Decode(*body);
      if (!observed.ok()) {
        return absl::DataLossError(absl::StrCat(Describe(key), ": ", observed.status().message()));
      }
      return Count(*series.identity, index, **observed, facts);
    }));
    if (!more) return absl::OkStatus();
  }
}

// Ranges that contain all indices that are not in the facts.
std::vector<IndexRange> Uncounted(const IndexSet& indices) {
  constexpr BatchIndex kEnd = kMaxBatchIndex + 1;
  if (indices.MissingRangeCount() > static_cast<std::int64_t>(kMaxGapsSearched)) {
    return {{indices.ContiguousPrefix(), kEnd}};
  }
  std::vector<IndexRange> ranges = indices.Missing(kMaxGapsSearched);
  // From the last counted record on: a search behind the last record may read the first block of
  // the table after it, and damage there is not this series'.
  if (indices.End() < kEnd) ranges.push_back({std::max<BatchIndex>(indices.End() - 1, 0), kEnd});
  return ranges;
}

absl::StatusOr<std::optional<SeriesFacts>> FactsOfRow(const Database& database,
                                                      const LiveSeries& series) {
  ASSIGN_OR_RETURN(const std::optional<std::string> row,
                   database.Get(FactsKey(series.run->id, series.id)));
  if (!row) return std::nullopt;
  return DecodeFacts(*row);
}

absl::Status ReadFacts(const Database& database, LiveSeries& series) {
  absl::StatusOr<std::optional<SeriesFacts>> saved = FactsOfRow(database, series);
  if (absl::IsDataLoss(saved.status())) {
    // The row follows from the records, which may be whole.
    LogError("the facts row of a session is damaged: its records are counted again",
             {{"session", series.identity->name.full()},
              {"error", std::string(saved.status().message())}});
    saved = std::nullopt;
  }
  RETURN_IF_ERROR(saved.status());
  const std::int64_t saved_count = *saved ? (*saved)->coverage.count : 0;
  SeriesFacts facts;
  if (*saved) {
    facts = **std::move(saved);
  } else {
    ASSIGN_OR_RETURN(facts, FactsOfCheckpoint(database, series));
  }
  SeriesRecordDecoder decoder;
  for (const IndexRange& range : Uncounted(facts.indices)) {
    RETURN_IF_ERROR(CountRange(database, series, range, decoder, facts));
  }
  series.SetFacts(std::move(facts), saved_count);
  return absl::OkStatus();
}

absl::Status LoadFactsLocked(const Database& database, LiveSeries& series)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(series.load_mu) {
  if (const std::optional<absl::Status> known = series.FactsStatus()) return *known;
  absl::Status status = ReadFacts(database, series);
  if (status.ok()) return status;
  absl::Status problem = InSeries(series, status);
  // Remember only damage: a device that fails now may work later.
  if (absl::IsDataLoss(problem)) series.SetLost(problem);
  return problem;
}

}  // namespace

absl::Status LoadFacts(const Database& database, LiveSeries& series) {
  if (const std::optional<absl::Status> known = series.FactsStatus()) return *known;
  absl::MutexLock lock(&series.load_mu);
  return LoadFactsLocked(database, series);
}

absl::StatusOr<SeriesFacts> FetchFactsLocked(const Database& database, LiveSeries& series) {
  while (true) {
    RETURN_IF_ERROR(LoadFactsLocked(database, series));
    // A failed write may have dropped the facts again.
    if (std::optional<SeriesFacts> facts = series.Facts()) return *std::move(facts);
  }
}

absl::StatusOr<SeriesFacts> FetchFacts(const Database& database, LiveSeries& series) {
  if (std::optional<SeriesFacts> facts = series.Facts()) return *std::move(facts);
  absl::MutexLock lock(&series.load_mu);
  return FetchFactsLocked(database, series);
}

}  // namespace calipers::server
