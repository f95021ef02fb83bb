#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "rocksdb/write_batch.h"
#include "server/storage/pending_puts.h"
#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/live_series.h"
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
  // A series that records of the batch go to.
  struct Touched {
    explicit Touched(const std::shared_ptr<LiveSeries>& touched)
        : series(touched), puts(touched->identity.get()) {}
    const std::shared_ptr<LiveSeries> series;
    PendingPuts puts;
    // Its row of facts is in the batch.
    bool facts_saved = false;
    SeriesSummary summary;
  };

  Touched& Touch(const std::shared_ptr<LiveSeries>& series);
  PutResult Decide(Touched& touched, const NewRecord& record);
  // Of one whose index holds another already.
  PutResult Compare(Touched& touched, const NewRecord& record, BatchIndex index);
  // Adds what is to be stored to `batch_`.
  void WriteRecords();
  void WriteFacts();
  // Has each series know what is kept now.
  void Apply();
  // What was decided did not come to pass, for this reason.
  void Fail(const absl::Status& status);
  std::vector<PutResult> Results() &&;

  Database* const database_;
  const absl::Span<const NewRecord> records_;
  std::vector<PutResult> results_;
  // By what records_[i] goes to; null if that is not there, or cannot be read.
  std::vector<Touched*> touched_of_;
  std::deque<Touched> touched_;
  absl::flat_hash_map<const LiveSeries*, Touched*> by_series_;
  // Answers that hold only if this batch is kept.
  std::vector<std::size_t> resting_on_batch_;
  rocksdb::WriteBatch batch_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_PUT_BATCH_H_
