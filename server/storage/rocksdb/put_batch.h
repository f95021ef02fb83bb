#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "rocksdb/write_batch.h"
#include "server/storage/duplicate_check.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/live_series.h"
#include "server/storage/store.h"

namespace calipers::server {

/// Decides about the records of one call, then writes the new ones in one batch. The caller holds
/// the store's put_mu_ all the time.
class PutBatch {
 public:
  PutBatch(Database* database, absl::Span<const NewRecord> records);

  /// Decides about the next record. `series` is the series of the record, or null if it does not
  /// exist.
  void Add(const std::shared_ptr<LiveSeries>& series);

  /// Writes the batch. Returns the results of all records.
  std::vector<PutResult> Commit() &&;

 private:
  // A series that gets records from the batch.
  struct Touched {
    explicit Touched(const std::shared_ptr<LiveSeries>& touched)
        : series(touched), puts(touched->identity.get()) {}
    const std::shared_ptr<LiveSeries> series;
    DuplicateCheck puts;
    // True if the series' facts row is in the batch.
    bool facts_saved = false;
    std::shared_ptr<const SeriesSummary> summary;
  };

  // Finds the entry of `series`. If there is none, loads the facts of the series and makes one.
  absl::StatusOr<Touched*> Touch(const std::shared_ptr<LiveSeries>& series);
  PutResult Decide(Touched& touched, const NewRecord& record);
  // The result of a record whose index is taken.
  PutResult Compare(Touched& touched, const NewRecord& record, BatchIndex index);
  // These two add rows to batch_.
  void WriteRecords();
  void WriteFacts();
  // Applies the written records to each series.
  void Apply();
  // Changes the results after the write of the batch failed with `status`.
  void Fail(const absl::Status& status);
  std::vector<PutResult> Results() &&;

  Database* const database_;
  const absl::Span<const NewRecord> records_;
  std::vector<PutResult> results_;
  // The series of records_[i]; null if it does not exist or cannot be read.
  std::vector<Touched*> touched_of_;
  std::deque<Touched> touched_;
  absl::flat_hash_map<const LiveSeries*, Touched*> by_series_;
  // The results that are valid only if the batch is written.
  std::vector<std::size_t> resting_on_batch_;
  rocksdb::WriteBatch batch_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_
