#ifndef CALIPERS_SERVER_RPC_SERIES_HANDLERS_H_
#define CALIPERS_SERVER_RPC_SERIES_HANDLERS_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "server/session/session_table.h"

namespace calipers::server {

// The calls of calipers.v1.Calibration that concern whole series, one function for each call.
// calibration.proto lists the errors of each call.

absl::StatusOr<v1::Coverage> GetCoverage(const SessionTable& sessions,
                                         const v1::GetCoverageRequest& request);

absl::StatusOr<v1::Session> SealSession(const SessionTable& sessions,
                                        const v1::SealSessionRequest& request);

absl::StatusOr<v1::SealRunResponse> SealRun(const SessionTable& sessions,
                                            const v1::SealRunRequest& request);

absl::StatusOr<v1::SweepMinMaxResponse> SweepMinMax(const SessionTable& sessions,
                                                    const v1::SweepMinMaxRequest& request);

/// Passes the series to `send`, some records at a time. CANCELLED if `send` returns false, because
/// the caller is gone; the status of `interrupted` when it is not OK.
absl::Status ReadSeries(const SessionTable& sessions, const v1::ReadSeriesRequest& request,
                        const std::function<bool(const v1::ReadSeriesResponse&)>& send,
                        const std::function<absl::Status()>& interrupted);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_SERIES_HANDLERS_H_
