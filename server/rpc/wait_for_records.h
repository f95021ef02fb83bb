#ifndef CALIPERS_SERVER_RPC_WAIT_FOR_RECORDS_H_
#define CALIPERS_SERVER_RPC_WAIT_FOR_RECORDS_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "server/session/session.h"

namespace calipers::server {

/// Waits until a session holds `count` records. An error says why it stopped waiting earlier.
using WaitForRecords = std::function<absl::Status(Session&, std::int64_t count)>;

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_WAIT_FOR_RECORDS_H_
