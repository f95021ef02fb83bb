#ifndef CALIPERS_SERVER_RPC_QPARAMS_HANDLERS_H_
#define CALIPERS_SERVER_RPC_QPARAMS_HANDLERS_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "server/rpc/wait_for_records.h"
#include "server/session/session_table.h"

namespace calipers::server {

// What calipers.v1.Calibration answers of qparams, one function a call. Errors are those
// that calibration.proto promises.

/// An answer takes no more results once it has as much: protobuf's own limit is 2 GiB.
inline constexpr std::size_t kMaxQParamsBytes = std::size_t{256} << 20;

absl::StatusOr<v1::GetQParamsResponse> GetQParams(const SessionTable& sessions,
                                                  const v1::GetQParamsRequest& request,
                                                  const WaitForRecords& wait,
                                                  std::size_t max_bytes = kMaxQParamsBytes);

absl::StatusOr<v1::BatchGetQParamsResponse> BatchGetQParams(
    const SessionTable& sessions, const v1::BatchGetQParamsRequest& request,
    const WaitForRecords& wait, std::size_t max_bytes = kMaxQParamsBytes);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_QPARAMS_HANDLERS_H_
