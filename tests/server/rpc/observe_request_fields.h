#ifndef CALIPERS_TESTS_SERVER_RPC_OBSERVE_REQUEST_FIELDS_H_
#define CALIPERS_TESTS_SERVER_RPC_OBSERVE_REQUEST_FIELDS_H_

#include <string>

#include "calipers/v1/observation.pb.h"
#include "server/rpc/observe_request_parser.h"

namespace calipers::testing {

inline void CopyHeader(const server::ObservationHeader& header, v1::ObservationHeader& proto) {
  proto.set_session(std::string(header.session));
  if (header.index) proto.set_index(*header.index);
  proto.set_dtype(std::string(header.dtype));
  proto.mutable_shape()->Add(header.shape.begin(), header.shape.end());
  if (header.num_observations) proto.set_num_observations(*header.num_observations);
}

// The parsed message, in the type of the generated parser. An observation always has a header
// there, because this parser does not tell an absent header from an empty one.
inline v1::ObserveRequest FieldsOf(const server::ObserveRequest& request) {
  v1::ObserveRequest fields;
  fields.set_worker(std::string(request.worker()));
  if (request.header()) CopyHeader(*request.header(), *fields.mutable_header());
  for (const server::ReducedObservation& reduced : request.reduced()) {
    v1::ReducedObservation& proto = *fields.mutable_reduced()->add_observations();
    CopyHeader(reduced.header, *proto.mutable_header());
    proto.set_min(std::string(reduced.min));
    proto.set_max(std::string(reduced.max));
    proto.set_global_min(std::string(reduced.global_min));
    proto.set_global_max(std::string(reduced.global_max));
    for (const auto& [name, value] : reduced.statistics) {
      v1::Statistic& statistic = *proto.add_statistics();
      statistic.set_name(std::string(name));
      statistic.set_value(std::string(value));
    }
  }
  request.ForEachDataSlice([&fields](absl::Span<const std::byte> slice) {
    fields.mutable_data()->append(reinterpret_cast<const char*>(slice.data()), slice.size());
  });
  return fields;
}

// The fields of the generated parser's message that ObserveRequest keeps.
inline v1::ObserveRequest Kept(v1::ObserveRequest fields) {
  fields.DiscardUnknownFields();
  if (!fields.has_reduced()) return fields;
  for (v1::ReducedObservation& observation : *fields.mutable_reduced()->mutable_observations()) {
    observation.mutable_header();
  }
  if (fields.reduced().observations().empty()) fields.clear_reduced();
  return fields;
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SERVER_RPC_OBSERVE_REQUEST_FIELDS_H_
