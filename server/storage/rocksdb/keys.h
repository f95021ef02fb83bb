#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_KEYS_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_KEYS_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/model/index_set.h"
#include "server/storage/store.h"

namespace calipers::server {

// The keys of the RocksDB store's rows, as docs/durability.md lists them: a kind, then
// numbers of eight bytes, big-endian, so that rows are in order of their numbers, then
// names. They are stored; they must not change.

/// Identifies one life of a run. Never given twice.
enum class RunId : std::uint64_t {};

/// A key's first byte.
enum class RowKind : char {
  kMetadata = 'm',
  kRun = 'r',
  kSession = 's',
  kObserved = 'o',
  kCheckpoint = 'c',
  kFacts = 'f',
  kRemoval = 'd',
};

/// Of a record; on the stack, for there is one a record.
using ObservedKey = std::array<char, 25>;

std::string MetadataKey(absl::string_view name);
std::string RunKey(absl::string_view run_name);
std::string SessionKey(RunId run, absl::string_view session_id);
ObservedKey MakeObservedKey(RunId run, SeriesId series, BatchIndex index);
std::string CheckpointKey(RunId run, SeriesId series);
std::string FactsKey(RunId run, SeriesId series);
/// Of what says that rows remain of a run, or of one series of it, that is gone.
std::string RemovalKey(RunId run);
std::string RemovalKey(RunId run, SeriesId series);

inline absl::string_view AsText(const ObservedKey& key) { return {key.data(), key.size()}; }

/// Keys from `begin` to before `end`.
struct KeyRange {
  std::string begin;
  std::string end;
};
KeyRange AllOf(RowKind kind);
/// Of a run's rows of a kind that has it in its keys.
KeyRange AllOf(RowKind kind, RunId run);
/// A series' records. Begins before the first, with no record's key.
KeyRange AllRecords(RunId run, SeriesId series);
/// Those from index `from` on.
KeyRange RecordsFrom(RunId run, SeriesId series, BatchIndex from);

/// The number at `at` in a key; 0 if the key ends before.
std::uint64_t NumberAt(absl::string_view key, std::size_t at);
/// The index in a record's key; -1 if it is none.
BatchIndex IndexIn(absl::string_view key);

/// For messages: what a row of this key is.
std::string Describe(absl::string_view key);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_KEYS_H_
