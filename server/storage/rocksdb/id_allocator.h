#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_ID_ALLOCATOR_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_ID_ALLOCATOR_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/rocksdb/database.h"

namespace calipers::server {

/// Gives out ascending numbers, each only once in the life of a data directory. The database stores
/// a number that is greater than all of these. It is written once for many numbers. Thread-safe.
class IdAllocator {
 public:
  /// `database` must outlive this object.
  explicit IdAllocator(Database* database) : database_(database) {}

  /// Continues from the number in the database. Call it at the start, before Next.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::uint64_t> Next() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Database* const database_;
  absl::Mutex mu_;
  std::uint64_t next_ ABSL_GUARDED_BY(mu_) = 1;
  // The number in the database.
  std::uint64_t end_ ABSL_GUARDED_BY(mu_) = 1;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_ID_ALLOCATOR_H_
