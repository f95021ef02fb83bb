#ifndef CALIPERS_SERVER_RPC_MINMAX_HANDLERS_H_
#define CALIPERS_SERVER_RPC_MINMAX_HANDLERS_H_

#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "server/rpc/wait_for_records.h"
#include "server/session/fold_cache.h"
#include "server/session/session_table.h"

namespace calipers::server {

// The calls of calipers.v1.Calibration that return ranges, one function for each call.
// calibration.proto lists the errors of each call.

absl::StatusOr<v1::MinMax> GetMinMax(const SessionTable& sessions, FoldCache& folds,
                                     const v1::GetMinMaxRequest& request,
                                     const WaitForRecords& wait);

/// A session without an answer has its error in its result; the other sessions are answered.
absl::StatusOr<v1::BatchGetMinMaxResponse> BatchGetMinMax(const SessionTable& sessions,
                                                          FoldCache& folds,
                                                          const v1::BatchGetMinMaxRequest& request,
                                                          const WaitForRecords& wait);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_MINMAX_HANDLERS_H_
