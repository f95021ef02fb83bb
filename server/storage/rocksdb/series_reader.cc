#include "server/storage/rocksdb/series_reader.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/keys.h"

namespace calipers::server {

absl::StatusOr<bool> RocksdbSeriesReader::Next(Entry& entry) {
  const absl::StatusOr<bool> more =
      cursor_->Next([this, &entry](absl::string_view key, absl::string_view body) -> absl::Status {
        entry.index = IndexIn(key);
        if (entry.index < 0) return absl::DataLossError("malformed record key");
        absl::StatusOr<std::shared_ptr<const SeriesRecord>> observed = decoder_.Decode(body);
        if (!observed.ok()) {
          return absl::DataLossError(
              absl::StrCat(Describe(key), ": ", observed.status().message()));
        }
        entry.observed = *std::move(observed);
        return absl::OkStatus();
      });
  if (!more.ok()) return InSeries(*series_, more.status());
  return *more;
}

}  // namespace calipers::server
