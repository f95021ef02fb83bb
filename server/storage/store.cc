#include "server/storage/store.h"

namespace calipers::server {

absl::Status SeriesGone() {
  return absl::NotFoundError("the session was deleted or reset in the meantime; nothing was kept");
}

}  // namespace calipers::server
