#include "server/storage/rocksdb/deferred_delete.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/row_checksum.h"

namespace calipers::server {
namespace {

constexpr std::size_t kRowsAtOnce = 4096;

constexpr std::size_t kRunKeySize = 1 + sizeof(RunId);
constexpr std::size_t kSeriesKeySize = kRunKeySize + sizeof(SeriesId);

// The rows that a removal deletes.
std::vector<KeyRange> RowsOf(absl::string_view key) {
  const RunId run{NumberAt(key, 1)};
  if (key.size() == kSeriesKeySize) {
    return {AllRecords(run, SeriesId{NumberAt(key, kRunKeySize)})};
  }
  return {AllOf(RowKind::kSession, run), AllOf(RowKind::kObserved, run),
          AllOf(RowKind::kCheckpoint, run), AllOf(RowKind::kFacts, run)};
}

// The first keys of the range, in order, at most kRowsAtOnce.
absl::StatusOr<std::vector<std::string>> FirstKeys(const Database& database, KeyRange range) {
  const auto cursor = database.Read(std::move(range));
  std::vector<std::string> keys;
  while (keys.size() < kRowsAtOnce) {
    ASSIGN_OR_RETURN(const bool more,
                     cursor->NextUnchecked([&](absl::string_view key, absl::string_view) {
                       keys.emplace_back(key);
                       return absl::OkStatus();
                     }));
    if (!more) break;
  }
  return keys;
}

absl::Status Delete(Database& database, const std::vector<std::string>& keys) {
  if (keys.empty()) return absl::OkStatus();
  rocksdb::WriteBatch batch;
  for (const std::string& key : keys) batch.Delete(key).PermitUncheckedError();
  return database.Write(batch, Database::Keep::kSometime);
}

absl::Status DeleteRows(Database& database, KeyRange range) {
  ASSIGN_OR_RETURN(std::vector<std::string> keys, FirstKeys(database, range));
  if (keys.size() == kRowsAtOnce) {
    RETURN_IF_ERROR(database.DropTables(range));
    // Read the keys again: a deleted table may have hidden rows of the tables below it.
    ASSIGN_OR_RETURN(keys, FirstKeys(database, range));
  }
  while (keys.size() == kRowsAtOnce) {
    RETURN_IF_ERROR(Delete(database, keys));
    // Continue at the last deleted key. A read from the old begin would step over all deletions so
    // far.
    range.begin = keys.back();
    ASSIGN_OR_RETURN(keys, FirstKeys(database, range));
  }
  return Delete(database, keys);
}

}  // namespace

void PutRemoval(absl::string_view key, rocksdb::WriteBatch& batch) { PutRow(key, "", batch); }

absl::Status CheckRemoval(absl::string_view key, absl::string_view body) {
  if (body.empty() && (key.size() == kRunKeySize || key.size() == kSeriesKeySize)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(Describe(key), " is damaged"));
}

std::optional<RunId> RunOfRemoval(absl::string_view key) {
  if (key.size() != kRunKeySize) return std::nullopt;
  return RunId{NumberAt(key, 1)};
}

absl::StatusOr<std::vector<std::string>> PendingRemovals(const Database& database) {
  std::vector<std::string> keys;
  RETURN_IF_ERROR(VisitRows(database, AllOf(RowKind::kRemoval),
                            [&](absl::string_view key, absl::string_view body) {
                              keys.emplace_back(key);
                              return CheckRemoval(key, body);
                            }));
  return keys;
}

absl::Status FinishRemoval(Database& database, absl::string_view key) {
  for (const KeyRange& rows : RowsOf(key)) RETURN_IF_ERROR(DeleteRows(database, rows));
  return Delete(database, {std::string(key)});
}

}  // namespace calipers::server
