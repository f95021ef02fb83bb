#ifndef CALIPERS_CLIENT_FORMATS_BOUNDED_JSON_H_
#define CALIPERS_CLIENT_FORMATS_BOUNDED_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/strings/string_view.h"

namespace calipers::client {

/// JSON from outside, in time and memory that its length bounds: discarded if it is none, or
/// has objects and lists within each other more than `max_depth` deep.
nlohmann::json ParseBoundedJson(absl::string_view text, int max_depth);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_BOUNDED_JSON_H_
