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
#include "server/model/observation_header.h"
#include "server/model/session_proto.h"
#include "server/session/session.h"
#include "server/storage/store.h"

namespace calipers::server {

// Conversions between the messages of calipers.v1 and the server's types. Other files convert
// session specs and enums (server/model/session_proto.h, proto_enums.h) and qparams
// (server/rpc/proto_convert_qparams.h).

v1::Progress ToProto(const Progress& progress);
v1::Tensor ToProto(const Elements& elements, const std::vector<std::int64_t>& shape);

/// The session as it is now.
v1::Session ToProto(Session& session);
v1::MinMax ToProto(const Session& session, const MinMaxAnswer& answer,
                   const google::protobuf::FieldMask& read_mask);
v1::SweepMinMaxResponse ToProto(absl::Span<const double> averaging_constants,
                                const SweepAnswer& answer);
/// Converts a record of the session with this full name into `proto`, which must be empty.
void ToProto(absl::string_view session, const SeriesReader::Entry& entry, v1::SeriesRecord& proto);
v1::SessionCoverage ToProto(const Session& session, const SessionCoverage& coverage);
v1::WorkerCoverage ToProto(const std::string& worker, const Tally& tally);
/// The message of the status in a form that can be sent. It may quote any bytes of a client, cut at
/// any place, so a byte that is not printable ASCII becomes "?". It is cut at 2,000 characters,
/// because gRPC's trailers hold 8 KiB.
std::string MessageText(const absl::Status& status);
google::rpc::Status ToProto(const absl::Status& status);
/// Converts into `proto`, which must be empty, and may be in an arena.
void ToProto(const Ack& ack, v1::ObservationAck& proto);

/// INVALID_ARGUMENT for an invalid range in `exclude`, and for too many ranges.
absl::StatusOr<FoldRequest> FromProto(const v1::FoldOptions& options);
absl::StatusOr<std::vector<IndexRange>> ExcludeFromProto(
    const google::protobuf::RepeatedPtrField<v1::IndexRange>& exclude);

/// INVALID_ARGUMENT, naming the existing members, if a path is not the name of a member.
absl::Status CheckReadMask(const google::protobuf::FieldMask& read_mask);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_PROTO_CONVERT_H_
