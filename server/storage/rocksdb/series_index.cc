#include "server/storage/rocksdb/series_index.h"

#include "absl/strings/str_cat.h"

namespace calipers::server {

absl::Status InSeries(const LiveSeries& series, const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(
      absl::StrCat("session ", series.identity->name.full(), ": ", status.message(),
                   " (restore a backup, or reset the session and send its batches again)"));
}

}  // namespace calipers::server
