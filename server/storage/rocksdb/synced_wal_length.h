#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_SYNCED_WAL_LENGTH_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_SYNCED_WAL_LENGTH_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"
#include "server/model/durability.h"

namespace calipers::server {

/// A file system that knows the acknowledged length of each write-ahead log that was written
/// through it: the length at its last successful sync or, without syncs, at its last successful
/// append. Bytes behind this length were never acknowledged. They may be whole, torn, or not on the
/// disk at all, whatever a read returns. Thread-safe.
class SyncedWalLength final : public rocksdb::FileSystemWrapper {
 public:
  SyncedWalLength(const std::shared_ptr<rocksdb::FileSystem>& base, Durability durability);

  const char* Name() const override { return "SyncedWalLength"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  /// Cuts each log back to its acknowledged length. Must not be called while a log is open.
  rocksdb::IOStatus CutLogs();

 private:
  class Log;
  void Keep(const std::string& path, std::uint64_t size);

  const bool synced_;
  absl::Mutex mu_;
  absl::flat_hash_map<std::string, std::uint64_t> kept_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_SYNCED_WAL_LENGTH_H_
