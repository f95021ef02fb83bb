#ifndef CALIPERS_SERVER_STORE_H_
#define CALIPERS_SERVER_STORE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/record.h"
#include "server/index_set.h"

namespace calipers::server {

/// Identifies one life of a session: a session that is deleted and created
/// again, or reset, gets another, so that old records never mix with new ones.
enum class SeriesId : std::uint64_t {};

enum class PutOutcome {
  kStored,
  /// An equal record is there.
  kDuplicate,
  /// A record that differs is there; it stays.
  kConflict,
};

/// Where records are kept: a grow-only map from (series, index) to record.
/// Thread-safe. Records never change once stored.
class Store {
 public:
  virtual ~Store() = default;

  /// Opens an empty series under an id that no other has or had.
  virtual absl::StatusOr<SeriesId> CreateSeries() = 0;

  /// Forgets a series and its records; nothing if it is not there.
  virtual absl::Status DeleteSeries(SeriesId series) = 0;

  /// Keeps `record` unless the index holds one. RESOURCE_EXHAUSTED if there is
  /// no room, NOT_FOUND if the series was deleted; then nothing is kept.
  virtual absl::StatusOr<PutOutcome> PutIfAbsent(SeriesId series, BatchIndex index,
                                                 std::shared_ptr<const Record> record) = 0;

  /// Calls `visit` for each record from index `from` on, in index order, all as
  /// of one moment. `visit` must be quick and not call the store.
  virtual absl::Status Scan(
      SeriesId series, BatchIndex from,
      absl::FunctionRef<void(BatchIndex, std::shared_ptr<const Record>)> visit) const = 0;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORE_H_
