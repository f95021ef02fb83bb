#ifndef CALIPERS_SERVER_RPC_QPARAMS_HANDLERS_H_
#define CALIPERS_SERVER_RPC_QPARAMS_HANDLERS_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "server/rpc/wait_for_records.h"
#include "server/session/session_table.h"

namespace calipers::server {

// The calls of calipers.v1.Calibration that return quantization parameters, one function for each
// call. calibration.proto lists the errors of each call.

/// The size in bytes at which an answer accepts no more results. The limit of protobuf is 2 GiB.
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
