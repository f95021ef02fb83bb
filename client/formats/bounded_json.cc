#include "client/formats/bounded_json.h"

#include <cstddef>

namespace calipers::client {
namespace {

// Checks the depth before the text is parsed. The library's callback could also cut off deep
// values, but it visits all members of an object each time that one of them ends.
bool IsShallow(absl::string_view text, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

}  // namespace

nlohmann::json ParseBoundedJson(absl::string_view text, int max_depth) {
  if (!IsShallow(text, max_depth)) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace calipers::client
