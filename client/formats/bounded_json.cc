#include "client/formats/bounded_json.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"

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

// Accepts JSON in which no object has a key twice. The library's parser would keep the last of
// several values.
class UniqueKeys final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool start_object(std::size_t /*size*/) override {
    keys_.emplace_back();
    return true;
  }
  bool end_object() override {
    keys_.pop_back();
    return true;
  }
  bool key(string_t& name) override { return keys_.back().insert(name).second; }

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_array(std::size_t /*size*/) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return false;
  }

 private:
  // Of each object that is open.
  std::vector<absl::flat_hash_set<std::string>> keys_;
};

}  // namespace

nlohmann::json ParseBoundedJson(absl::string_view text, int max_depth) {
  if (!IsShallow(text, max_depth)) return nlohmann::json(nlohmann::json::value_t::discarded);
  UniqueKeys unique;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &unique)) {
    return nlohmann::json(nlohmann::json::value_t::discarded);
  }
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace calipers::client
