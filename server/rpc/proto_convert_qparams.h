#ifndef CALIPERS_SERVER_RPC_PROTO_CONVERT_QPARAMS_H_
#define CALIPERS_SERVER_RPC_PROTO_CONVERT_QPARAMS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "core/args/quantization_args.h"
#include "server/qparams/fallback_peers.h"
#include "server/qparams/fused_groups.h"
#include "server/qparams/qparams_query.h"

namespace calipers::server {

// Conversions between the messages of calipers.v1 and the server's types for qparams.
// server/rpc/proto_convert.h has the other conversions.

/// Converts either request. Each spec is converted separately, so that a bad spec does not affect
/// the others. INVALID_ARGUMENT for too many specs, and for bad fusion, fallback and exclude.
absl::StatusOr<QParamsRequest> FromProto(const v1::GetQParamsRequest& request);
absl::StatusOr<QParamsRequest> FromProto(const v1::BatchGetQParamsRequest& request);

v1::QParams ToProto(const Session& session, const QParamsAnswer& answer);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_PROTO_CONVERT_QPARAMS_H_
