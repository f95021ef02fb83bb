#ifndef CALIPERS_SERVER_MODEL_PROTO_ENUMS_H_
#define CALIPERS_SERVER_MODEL_PROTO_ENUMS_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "calipers/v1/qparams.pb.h"
#include "calipers/v1/session.pb.h"
#include "core/args/arithmetic.h"
#include "core/args/quantization_args.h"
#include "core/args/weighting.h"
#include "core/fold/non_finite_policy.h"
#include "server/model/session_spec.h"

namespace calipers::server {

// The enums of calipers.v1 and the server's own. UNSPECIFIED becomes the default, or nullopt.

/// INVALID_ARGUMENT for an enum value that this server does not know; `field` names the field.
absl::Status UnknownEnum(absl::string_view field, int value);
absl::StatusOr<std::optional<Strategy>> FromProto(v1::Strategy strategy);
v1::Strategy ToProto(Strategy strategy);
absl::StatusOr<Arithmetic> FromProto(v1::Arithmetic arithmetic);
absl::StatusOr<NonFinitePolicy> FromProto(v1::NonFinitePolicy policy);
absl::StatusOr<Weighting> FromProto(v1::Weighting weighting);
absl::StatusOr<Retention> FromProto(v1::Retention retention);
v1::NonFinitePolicy ToProto(NonFinitePolicy policy);
absl::StatusOr<QuantizationType> FromProto(v1::QuantizationType type);
absl::StatusOr<Dynamic> FromProto(v1::Dynamic dynamic);
v1::Dynamic ToProto(Dynamic dynamic);
absl::StatusOr<std::optional<Actorder>> FromProto(v1::Actorder actorder);
v1::Arithmetic ToProto(Arithmetic arithmetic);
v1::Weighting ToProto(Weighting weighting);
v1::Retention ToProto(Retention retention);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_PROTO_ENUMS_H_
