#include "server/storage/rocksdb/keys.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/limits.h"

namespace calipers::server {
namespace {

constexpr std::size_t kNumber = 8;

void StoreNumber(std::uint64_t number, char* to) {
  for (std::size_t i = 0; i < kNumber; ++i) {
    to[i] = static_cast<char>(number >> (8 * (kNumber - 1 - i)));
  }
}

void AppendNumber(std::string& key, std::uint64_t number) {
  char bytes[kNumber];
  StoreNumber(number, bytes);
  key.append(bytes, kNumber);
}

std::string Key(RowKind kind) { return std::string(1, static_cast<char>(kind)); }

std::string Key(RowKind kind, RunId run) {
  std::string key = Key(kind);
  AppendNumber(key, static_cast<std::uint64_t>(run));
  return key;
}

std::string Key(RowKind kind, RunId run, SeriesId series) {
  std::string key = Key(kind, run);
  AppendNumber(key, static_cast<std::uint64_t>(series));
  return key;
}

}  // namespace

std::string MetadataKey(absl::string_view name) {
  return absl::StrCat(Key(RowKind::kMetadata), name);
}

std::string RunKey(absl::string_view run_name) {
  return absl::StrCat(Key(RowKind::kRun), run_name);
}

std::string SessionKey(RunId run, absl::string_view session_id) {
  return absl::StrCat(Key(RowKind::kSession, run), session_id);
}

ObservedKey MakeObservedKey(RunId run, SeriesId series, BatchIndex index) {
  ObservedKey key;
  key[0] = static_cast<char>(RowKind::kObserved);
  StoreNumber(static_cast<std::uint64_t>(run), &key[1]);
  StoreNumber(static_cast<std::uint64_t>(series), &key[1 + kNumber]);
  StoreNumber(static_cast<std::uint64_t>(index), &key[1 + 2 * kNumber]);
  return key;
}

std::string CheckpointKey(RunId run, SeriesId series) {
  return Key(RowKind::kCheckpoint, run, series);
}

std::string FactsKey(RunId run, SeriesId series) { return Key(RowKind::kFacts, run, series); }

std::string RemovalKey(RunId run) { return Key(RowKind::kRemoval, run); }

std::string RemovalKey(RunId run, SeriesId series) { return Key(RowKind::kRemoval, run, series); }

KeyRange AllOf(RowKind kind) {
  return {Key(kind), std::string(1, static_cast<char>(static_cast<char>(kind) + 1))};
}

KeyRange AllOf(RowKind kind, RunId run) {
  return {Key(kind, run), Key(kind, RunId{static_cast<std::uint64_t>(run) + 1})};
}

KeyRange AllRecords(RunId run, SeriesId series) {
  return {Key(RowKind::kObserved, run, series),
          Key(RowKind::kObserved, run, SeriesId{static_cast<std::uint64_t>(series) + 1})};
}

KeyRange RecordsFrom(RunId run, SeriesId series, BatchIndex from) {
  return {std::string(AsText(MakeObservedKey(run, series, from))), AllRecords(run, series).end};
}

std::uint64_t NumberAt(absl::string_view key, std::size_t at) {
  if (key.size() < at + kNumber) return 0;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kNumber; ++i) {
    number = (number << 8) | static_cast<std::uint8_t>(key[at + i]);
  }
  return number;
}

BatchIndex IndexIn(absl::string_view key) {
  if (key.size() != ObservedKey().size()) return -1;
  const std::uint64_t index = NumberAt(key, 1 + 2 * kNumber);
  return index > static_cast<std::uint64_t>(kMaxBatchIndex) ? -1 : static_cast<BatchIndex>(index);
}

std::string Describe(absl::string_view key) {
  if (key.empty()) return "a row without a key";
  const absl::string_view name = key.substr(1);
  const std::uint64_t run = NumberAt(key, 1);
  const std::uint64_t series = NumberAt(key, 1 + kNumber);
  switch (static_cast<RowKind>(key[0])) {
    case RowKind::kMetadata:
      return absl::StrCat("the store's own row ", name);
    case RowKind::kRun:
      return absl::StrCat("the row of ", name);
    case RowKind::kSession:
      return absl::StrCat("the row of session ", name.substr(std::min(kNumber, name.size())),
                          " of the run with id ", run);
    case RowKind::kObserved:
      return absl::StrCat("record ", IndexIn(key), " of series ", series, " of the run with id ",
                          run);
    case RowKind::kCheckpoint:
      return absl::StrCat("the checkpoint of series ", series, " of the run with id ", run);
    case RowKind::kFacts:
      return absl::StrCat("the facts row of series ", series, " of the run with id ", run);
    case RowKind::kRemoval:
      return absl::StrCat("the deletion row of ",
                          series == 0 ? "" : absl::StrCat("series ", series, " of "),
                          "the run with id ", run);
  }
  return "a row of unknown kind";
}

}  // namespace calipers::server
