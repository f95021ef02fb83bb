#include "server/storage/store.h"

#include "absl/strings/str_cat.h"

namespace calipers::server {

absl::Status SeriesGone() {
  return absl::NotFoundError("the session was deleted or reset in the meantime; nothing was kept");
}

absl::Status SessionExists(const SessionName& name) {
  return absl::AlreadyExistsError(
      absl::StrCat("session ", name.full(), " exists already; nothing was changed"));
}

}  // namespace calipers::server
