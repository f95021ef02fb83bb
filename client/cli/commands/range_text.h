#ifndef CALIPERS_CLIENT_CLI_COMMANDS_RANGE_TEXT_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_RANGE_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "calipers/v1/range.pb.h"

namespace calipers::client {

/// The element of a tensor with one element; "-" for every other tensor.
std::string OneNumber(const v1::Tensor& tensor);

/// {"min": ..., "max": ...}, each as ToJson of a tensor.
nlohmann::ordered_json RangeJson(const v1::Range& range);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_RANGE_TEXT_H_
