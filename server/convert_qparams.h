#ifndef CALIPERS_SERVER_CONVERT_QPARAMS_H_
#define CALIPERS_SERVER_CONVERT_QPARAMS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "core/quantization_args.h"
#include "server/fusion.h"
#include "server/peers.h"
#include "server/qparams_query.h"

namespace calipers::server {

// The border of calipers.v1 where quantization args and qparams cross it, as
// server/convert.h is that of all else.

/// INVALID_ARGUMENT names the field, what was given and what is allowed.
absl::StatusOr<QuantizationArgsInput> InputFromProto(const v1::QuantizationArgs& args);
v1::QuantizationArgs ToProto(const QuantizationArgs& args);

/// Of either request: each spec by itself, so that a bad one does not touch the others.
/// INVALID_ARGUMENT for too many specs, and for bad fusion, fallback and exclude.
absl::StatusOr<QParamsRequest> FromProto(const v1::GetQParamsRequest& request);
absl::StatusOr<QParamsRequest> FromProto(const v1::BatchGetQParamsRequest& request);

v1::QParams ToProto(const Session& session, const QParamsAnswer& answer);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_CONVERT_QPARAMS_H_
