#ifndef CALIPERS_CLIENT_CLI_COMMANDS_SESSION_JSON_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_SESSION_JSON_H_

#include <nlohmann/json.hpp>
#include <string>

#include "calipers/v1/calibration.pb.h"
#include "client/library/observation_stream.h"

namespace calipers::client {

/// The wire's message as JSON, by its field names; numbers as numbers.
nlohmann::ordered_json ToJson(const v1::Progress& progress);
nlohmann::ordered_json ToJson(const v1::Session& session);
nlohmann::ordered_json ToJson(const v1::QuantizationArgs& args);

/// {"code", "message"}
nlohmann::ordered_json ToJson(const google::rpc::Status& status);

/// [{"trap", "repaired", "count", "first", "text"}]
nlohmann::ordered_json ToJson(const google::protobuf::RepeatedPtrField<v1::QParamsNote>& notes);

/// What became of what a stream sent.
nlohmann::ordered_json ToJson(const StreamTotals& totals);

/// "0", or the first missing ranges: "3-5, 9".
std::string MissingText(const v1::Progress& progress);

/// "group 128", "block 128x128", "tensor".
std::string StrategyText(const v1::QuantizationArgs& args);

/// "[32, 1]"; "-" when there is none yet.
std::string ShapeTextOf(const google::protobuf::RepeatedField<std::int64_t>& shape);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_SESSION_JSON_H_
