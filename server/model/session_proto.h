#ifndef CALIPERS_SERVER_MODEL_SESSION_PROTO_H_
#define CALIPERS_SERVER_MODEL_SESSION_PROTO_H_

#include "absl/status/statusor.h"
#include "calipers/v1/qparams.pb.h"
#include "calipers/v1/session.pb.h"
#include "core/args/quantization_args.h"
#include "server/model/session_identity.h"
#include "server/model/session_spec.h"

namespace calipers::server {

// The only place that converts between calipers.v1 messages of a session's spec and the server's
// own types; their enums are in proto_enums.h. The stores keep a session as a calipers.v1.Session;
// server/rpc sends and receives it.

/// INVALID_ARGUMENT names the field and the value.
absl::StatusOr<QuantizationArgsInput> InputFromProto(const v1::QuantizationArgs& args);
v1::QuantizationArgs ToProto(const QuantizationArgs& args);

/// INVALID_ARGUMENT names the field and the value.
absl::StatusOr<SessionSpec> SpecFromProto(const v1::Session& session);

/// The fields that never change: the name, the spec and create_time.
v1::Session ToProto(const SessionIdentity& identity);
/// Reads these fields back. INVALID_ARGUMENT if the name is not a session's name, or if this
/// version does not know the spec.
absl::StatusOr<SessionIdentity> IdentityFromProto(const v1::Session& session);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_SESSION_PROTO_H_
