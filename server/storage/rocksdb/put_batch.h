#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "rocksdb/write_batch.h"
#include "server/model/digest.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/series_index.h"
#include "server/storage/store.h"

namespace calipers::server {

/// Decides what becomes of the records of one call, then writes those to be stored at
/// once. For whoever holds the store's put_mu_ from the first to the last.
class PutBatch {
 public:
  PutBatch(Database* database, absl::Span<const NewRecord> records);

  /// Decides about the next record. `series` is its, null if it is not there.
  void Add(const std::shared_ptr<LiveSeries>& series);

  /// Of all records, once they are kept.
  std::vector<PutResult> Commit() &&;

 private:
  using Place = std::pair<const LiveSeries*, BatchIndex>;
  struct StagedRow {
    RunId run;
    SeriesId series;
    BatchIndex index;
    const SeriesRecord* observed;
  };

  PutResult Decide(const std::shared_ptr<LiveSeries>& series, const NewRecord& record);
  // Of one whose index holds another already.
  PutResult Compare(const LiveSeries& series, const NewRecord& record, BatchIndex index);
  // Adds what is to be stored to `batch_`.
  void WriteStaged();
  // The record of this batch that is to be stored there; null if there is none.
  const SeriesRecord* StagedAt(const Place& place);

  Database* const database_;
  const absl::Span<const NewRecord> records_;
  std::vector<PutResult> results_;
  // The series of records_[i], for the first results_.size(), and each alive until the
  // end.
  std::vector<const LiveSeries*> series_of_;
  std::vector<std::shared_ptr<LiveSeries>> touched_;
  // Answers that hold only if this batch is kept.
  std::vector<std::size_t> resting_on_batch_;
  // Of the first staged_seen_ records those to be stored, once one was asked for.
  absl::flat_hash_map<Place, std::size_t> staged_;
  std::size_t staged_seen_ = 0;
  std::vector<StagedRow> to_store_;
  rocksdb::WriteBatch batch_;
};

/// Reads the indices that the series holds, unless it has them. DATA_LOSS if they cannot
/// be read. For whoever holds the store's put_mu_.
absl::Status LoadIndices(const Database& database, LiveSeries& series);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_
