#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_SERIES_READER_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_SERIES_READER_H_

#include <memory>
#include <utility>

#include "server/storage/rocksdb/database.h"
#include "server/storage/rocksdb/live_series.h"
#include "server/storage/rows.h"
#include "server/storage/store.h"

namespace calipers::server {

/// Reads a series' records from a database. It continues if the series is deleted in the meantime.
class RocksdbSeriesReader final : public SeriesReader {
 public:
  RocksdbSeriesReader(const Database& database, std::shared_ptr<const LiveSeries> series,
                      BatchIndex from)
      : series_(std::move(series)),
        cursor_(database.Read(RecordsFrom(series_->run->id, series_->id, from))) {}

  absl::StatusOr<bool> Next(Entry& entry) override;

 private:
  const std::shared_ptr<const LiveSeries> series_;
  const std::unique_ptr<Database::Cursor> cursor_;
  SeriesRecordDecoder decoder_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_SERIES_READER_H_
