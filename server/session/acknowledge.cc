#include "server/session/acknowledge.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace calipers::server {
namespace {

absl::Status Conflict(const SessionName& session, BatchIndex index) {
  return absl::AlreadyExistsError(
      absl::StrCat("index ", index, " of session ", session.full(),
                   " holds another record; it stays (was the batch order the same?)"));
}

}  // namespace

Ack Acknowledge(const SessionName& session, const PutResult& result) {
  switch (result.outcome) {
    case PutResult::kStored:
      return {.index = result.index, .outcome = Outcome::kStored, .status = result.status};
    case PutResult::kDuplicate:
      return {.index = result.index, .outcome = Outcome::kDuplicate, .status = result.status};
    case PutResult::kConflict:
      return {.index = result.index,
              .outcome = Outcome::kConflict,
              .status = Conflict(session, result.index)};
    case PutResult::kRefused:
    case PutResult::kUncertain:
      break;
  }
  return {.index = result.index, .outcome = Outcome::kRejected, .status = result.status};
}

}  // namespace calipers::server
