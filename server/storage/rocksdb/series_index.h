#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_SERIES_INDEX_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_SERIES_INDEX_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/model/index_set.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/store.h"

namespace calipers::server {

/// A run in the RocksDB store.
struct LiveRun {
  explicit LiveRun(RunId run_id) : id(run_id) {}
  const RunId id;
  /// Its row is kept.
  std::atomic<bool> kept{false};
  /// None of its series is there any more, though some may still be found.
  std::atomic<bool> deleted{false};
  absl::Mutex mu;
  absl::btree_set<SeriesId> series ABSL_GUARDED_BY(mu);
};

/// A series in the RocksDB store. It is small, because a store can have a million series.
struct LiveSeries {
  LiveSeries(SeriesId series_id, std::shared_ptr<const SessionIdentity> of,
             std::shared_ptr<LiveRun> in)
      : id(series_id), identity(std::move(of)), run(std::move(in)) {}
  const SeriesId id;
  const std::shared_ptr<const SessionIdentity> identity;
  const std::shared_ptr<LiveRun> run;
  // For whoever holds the store's put_mu_.
  std::optional<std::int64_t> sealed_count;
  /// The indices that are kept; null until someone asks, and when a write failed.
  std::unique_ptr<IndexSet> indices;
};

/// Adds to `status`, which says what is wrong with a row of the series, whose it is and
/// what can be done about it.
absl::Status InSeries(const LiveSeries& series, const absl::Status& status);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_SERIES_INDEX_H_
