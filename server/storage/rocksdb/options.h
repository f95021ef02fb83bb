#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_OPTIONS_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_OPTIONS_H_

#include <cstddef>

#include "rocksdb/env.h"
#include "rocksdb/options.h"

namespace calipers::server {

/// The size at which a table ends; RocksDB's own.
inline constexpr std::size_t kTableBytes = std::size_t{64} << 20;

/// RocksDB's options for the RocksDB store: every read is verified, memory and open files
/// bounded. `env` outlives what is opened with it.
rocksdb::Options MakeRocksdbOptions(rocksdb::Env* env, std::size_t cache_bytes,
                                    std::size_t table_bytes = kTableBytes);

/// How every row is read.
///
/// There are no deletions of ranges (removal.h), and reading must not look for any: where it
/// does, an iterator of RocksDB 7.8 that cannot read the next table of a level takes the level
/// for ended, and says OK (facebook/rocksdb#11782, mended in 8.6).
rocksdb::ReadOptions MakeReadOptions();

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_OPTIONS_H_
