#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_OPTIONS_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_OPTIONS_H_

#include <cstddef>

#include "rocksdb/env.h"
#include "rocksdb/options.h"

namespace calipers::server {

/// The size in bytes at which a table ends: RocksDB's default.
inline constexpr std::size_t kTableBytes = std::size_t{64} << 20;

/// The RocksDB options of the store. RocksDB verifies every read, and memory and open files are
/// bounded. `env` must outlive each database that is opened with them.
rocksdb::Options MakeRocksdbOptions(rocksdb::Env* env, std::size_t cache_bytes,
                                    std::size_t table_bytes = kTableBytes);

/// The options for every read.
///
/// The database has no range deletions (deferred_delete.h), and reads must not look for them. An
/// iterator of RocksDB 7.8 that looks for them and cannot read the next table of a level treats the
/// level as ended, and reports OK (facebook/rocksdb#11782, fixed in 8.6).
rocksdb::ReadOptions MakeReadOptions();

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_OPTIONS_H_
