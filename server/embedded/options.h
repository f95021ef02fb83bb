#ifndef CALIPERS_SERVER_EMBEDDED_OPTIONS_H_
#define CALIPERS_SERVER_EMBEDDED_OPTIONS_H_

#include <cstddef>

#include "rocksdb/env.h"
#include "rocksdb/options.h"

namespace calipers::server {

/// How the embedded store has RocksDB run: everything checked, memory and open files
/// bounded. `env` outlives what is opened with it.
rocksdb::Options MakeRocksdbOptions(rocksdb::Env* env, std::size_t cache_bytes);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_EMBEDDED_OPTIONS_H_
