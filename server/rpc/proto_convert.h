#ifndef CALIPERS_SERVER_RPC_PROTO_CONVERT_H_
#define CALIPERS_SERVER_RPC_PROTO_CONVERT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "calipers/v1/calibration.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "server/ingest/observation_ingest.h"
#include "server/model/observation_header.h"
#include "server/model/session_proto.h"
#include "server/session/session.h"
#include "server/storage/store.h"

namespace calipers::server {

// The border between calipers.v1 and the server's own types: nothing else
// converts, but for session specs (server/model/session_proto.h) and qparams
// (server/rpc/proto_convert_qparams.h).

v1::Progress ToProto(const Progress& progress);
v1::Tensor ToProto(const Elements& elements, const std::vector<std::int64_t>& shape);

/// The session as it is now.
v1::Session ToProto(Session& session);
v1::MinMax ToProto(const Session& session, const MinMaxAnswer& answer,
                   const google::protobuf::FieldMask& read_mask);
v1::SweepMinMaxResponse ToProto(absl::Span<const double> averaging_constants,
                                const SweepAnswer& answer);
/// A record at this index of a session of this full name, into `proto`, a new one.
void ToProto(absl::string_view session, const SeriesReader::Entry& entry, v1::SeriesRecord& proto);
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

/// INVALID_ARGUMENT for ranges that are none, and for too many.
absl::StatusOr<FoldRequest> FromProto(const v1::FoldOptions& options);
absl::StatusOr<std::vector<IndexRange>> ExcludeFromProto(
    const google::protobuf::RepeatedPtrField<v1::IndexRange>& exclude);

/// INVALID_ARGUMENT, naming the members there are, for a path that is none.
absl::Status CheckReadMask(const google::protobuf::FieldMask& read_mask);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_PROTO_CONVERT_H_
