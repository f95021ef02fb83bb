#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_LOG_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_LOG_H_

#include <cstdarg>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "rocksdb/env.h"

namespace calipers::server {

/// Writes RocksDB's errors into the server's log, each kind of message at most once a
/// minute. Thread-safe.
///
/// With this logger, RocksDB does not write its file LOG. Debian 12 builds RocksDB with assertions,
/// and one ends the process at the second write to LOG on a full disk.
class RocksdbLog final : public rocksdb::Logger {
 public:
  RocksdbLog() : Logger(rocksdb::InfoLogLevel::ERROR_LEVEL) {}

  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;

 private:
  bool IsDue(const char* format);

  absl::Mutex mu_;
  // By format: RocksDB's are string literals.
  absl::flat_hash_map<const char*, absl::Time> last_written_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_LOG_H_
