#ifndef CALIPERS_SERVER_EMBEDDED_ID_COUNTER_H_
#define CALIPERS_SERVER_EMBEDDED_ID_COUNTER_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/embedded/database.h"

namespace calipers::server {

/// Numbers that are given once in the life of a data directory, ascending: its database
/// holds one that none has reached, and is written once for many. Thread-safe.
class IdCounter {
 public:
  /// `database` outlives it.
  explicit IdCounter(Database* database) : database_(database) {}

  /// Goes on from what the database holds. For the start, before Next.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::uint64_t> Next() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Database* const database_;
  absl::Mutex mu_;
  std::uint64_t next_ ABSL_GUARDED_BY(mu_) = 1;
  // What the database holds.
  std::uint64_t end_ ABSL_GUARDED_BY(mu_) = 1;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_EMBEDDED_ID_COUNTER_H_
