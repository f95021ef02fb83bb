#ifndef CALIPERS_CLIENT_CLI_COMMANDS_SESSION_JSON_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_SESSION_JSON_H_

#include <nlohmann/json.hpp>
#include <string>

#include "calipers/v1/calibration.pb.h"
#include "client/library/observation_stream.h"

namespace calipers::client {

/// A protobuf message as JSON, with its field names. Numbers are JSON numbers.
nlohmann::ordered_json ToJson(const v1::Progress& progress);
nlohmann::ordered_json ToJson(const v1::Session& session);
nlohmann::ordered_json ToJson(const v1::QuantizationArgs& args);

/// {"code", "message"}
nlohmann::ordered_json ToJson(const google::rpc::Status& status);

/// [{"trap", "repaired", "count", "first", "text"}]
nlohmann::ordered_json ToJson(const google::protobuf::RepeatedPtrField<v1::QParamsNote>& notes);

/// The outcomes of a stream's observations, and its reconnects.
nlohmann::ordered_json ToJson(const StreamTotals& totals);

/// "0", or the first missing ranges: "3-5, 9".
std::string MissingText(const v1::Progress& progress);

/// "group 128", "block 128x128", "tensor".
std::string StrategyText(const v1::QuantizationArgs& args);

/// "[32, 1]"; "-" for a session without a shape.
std::string ShapeTextOf(const google::protobuf::RepeatedField<std::int64_t>& shape);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_SESSION_JSON_H_
