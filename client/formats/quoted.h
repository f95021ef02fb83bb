#ifndef CALIPERS_CLIENT_FORMATS_QUOTED_H_
#define CALIPERS_CLIENT_FORMATS_QUOTED_H_

#include <string>

#include "absl/strings/string_view.h"

namespace calipers::client {

/// Text from a file, safe for a terminal: every character outside printable ASCII becomes a
/// question mark.
std::string Printable(absl::string_view text);

/// A name from a file: as Printable, in quotes, and cut after 200 bytes.
std::string Quoted(absl::string_view name);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_QUOTED_H_
