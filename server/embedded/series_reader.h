#ifndef CALIPERS_SERVER_EMBEDDED_SERIES_READER_H_
#define CALIPERS_SERVER_EMBEDDED_SERIES_READER_H_

#include <memory>
#include <utility>

#include "server/embedded/database.h"
#include "server/embedded/live_series.h"
#include "server/storage/rows.h"
#include "server/store.h"

namespace calipers::server {

/// A series' records out of a database. Goes on if the series is deleted meanwhile.
class EmbeddedSeriesReader final : public SeriesReader {
 public:
  EmbeddedSeriesReader(const Database& database, std::shared_ptr<const LiveSeries> series,
                       BatchIndex from)
      : series_(std::move(series)),
        cursor_(database.Read(RecordsFrom(series_->run->id, series_->id, from))) {}

  absl::StatusOr<bool> Next(Entry& entry) override;

 private:
  const std::shared_ptr<const LiveSeries> series_;
  const std::unique_ptr<Database::Cursor> cursor_;
  ObservedDecoder decoder_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_EMBEDDED_SERIES_READER_H_
