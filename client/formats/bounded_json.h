#ifndef CALIPERS_CLIENT_FORMATS_BOUNDED_JSON_H_
#define CALIPERS_CLIENT_FORMATS_BOUNDED_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/strings/string_view.h"

namespace calipers::client {

/// Parses JSON from an untrusted source. The length of the text limits the time and the memory.
/// Returns a discarded value if the text is not JSON, if an object has a key twice, or if objects
/// and lists are nested more than `max_depth` deep.
nlohmann::json ParseBoundedJson(absl::string_view text, int max_depth);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_BOUNDED_JSON_H_
