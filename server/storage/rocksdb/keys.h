#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_KEYS_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_KEYS_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/model/index_set.h"
#include "server/storage/store.h"

namespace calipers::server {

// The keys of the rows in the RocksDB store. docs/durability.md lists them. A key is a kind, then
// numbers, then names. A number is eight bytes, big-endian, so rows are sorted by their numbers.
// Keys are stored, so their layout must not change.

/// Identifies one life of a run. An id is never used twice.
enum class RunId : std::uint64_t {};

/// The first byte of a key.
enum class RowKind : char {
  kMetadata = 'm',
  kRun = 'r',
  kSession = 's',
  kObserved = 'o',
  kCheckpoint = 'c',
  kFacts = 'f',
  kRemoval = 'd',
};

/// The key of a record. It is an array, because a string for each record would need heap memory.
using ObservedKey = std::array<char, 25>;

std::string MetadataKey(absl::string_view name);
std::string RunKey(absl::string_view run_name);
std::string SessionKey(RunId run, absl::string_view session_id);
ObservedKey MakeObservedKey(RunId run, SeriesId series, BatchIndex index);
std::string CheckpointKey(RunId run, SeriesId series);
std::string FactsKey(RunId run, SeriesId series);
/// The key of a removal row. Such a row says that a run was deleted, or that a series was deleted
/// or reset, and that some of its rows may remain.
std::string RemovalKey(RunId run);
std::string RemovalKey(RunId run, SeriesId series);

inline absl::string_view AsText(const ObservedKey& key) { return {key.data(), key.size()}; }

/// The keys from `begin` on that are less than `end`.
struct KeyRange {
  std::string begin;
  std::string end;
};
KeyRange AllOf(RowKind kind);
/// The keys of one kind in a run. Keys of this kind must contain the run's id.
KeyRange AllOf(RowKind kind, RunId run);
/// The keys of a series' records. `begin` is less than the first key, and is itself not the key of
/// a record.
KeyRange AllRecords(RunId run, SeriesId series);
/// The keys of the series' records from index `from` on.
KeyRange RecordsFrom(RunId run, SeriesId series, BatchIndex from);

/// The number at byte `at` of a key; 0 if the key is too short.
std::uint64_t NumberAt(absl::string_view key, std::size_t at);
/// The index in a record's key; -1 if the key has another size or the index is out of range.
BatchIndex IndexIn(absl::string_view key);

/// A description of the row with this key, for messages.
std::string Describe(absl::string_view key);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_KEYS_H_
