#include "client/formats/quoted.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace calipers::client {

std::string Printable(absl::string_view text) {
  std::string safe(text);
  for (char& c : safe) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return safe;
}

std::string Quoted(absl::string_view name) {
  constexpr std::size_t kShown = 200;
  return absl::StrCat("\"", Printable(name.substr(0, kShown)),
                      name.size() > kShown ? "...\"" : "\"");
}

}  // namespace calipers::client
