#ifndef CALIPERS_SERVER_CONVERT_H_
#define CALIPERS_SERVER_CONVERT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calipers/v1/calibration.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "server/ingest.h"
#include "server/observation.h"
#include "server/session.h"
#include "server/session_spec.h"

namespace calipers::server {

// The border between calipers.v1 and the server's own types: nothing else
// converts.

/// INVALID_ARGUMENT names the field, what was given and what is allowed.
absl::StatusOr<SessionSpec> SpecFromProto(const v1::Session& session);

v1::Session ToProto(const Session& session);
v1::MinMax ToProto(const Session& session, const MinMaxAnswer& answer,
                   const google::protobuf::FieldMask& read_mask);
v1::SessionCoverage ToProto(const Session& session, const SessionCoverage& coverage);
v1::WorkerCoverage ToProto(const std::string& worker, const Tally& tally);
/// The status's message as it may be sent: it may quote anything that came from
/// outside, cut anywhere, so what is not printable ASCII is shown as "?"; clipped to
/// 2,000 characters, since gRPC's trailers hold 8 KiB.
std::string MessageText(const absl::Status& status);
google::rpc::Status ToProto(const absl::Status& status);
/// Into `proto`, a new one, which may lie in an arena.
void ToProto(const Ack& ack, v1::ObservationAck& proto);

/// Its views point into `proto`.
ObservationHeader FromProto(const v1::ObservationHeader& proto);
ReducedObservation FromProto(const v1::ReducedObservation& proto);

/// INVALID_ARGUMENT, naming the members there are, for a path that is none.
absl::Status CheckReadMask(const google::protobuf::FieldMask& read_mask);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_CONVERT_H_
