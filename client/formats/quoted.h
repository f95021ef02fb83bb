#ifndef CALIPERS_CLIENT_FORMATS_QUOTED_H_
#define CALIPERS_CLIENT_FORMATS_QUOTED_H_

#include <string>

#include "absl/strings/string_view.h"

namespace calipers::client {

/// Text from a file, fit for a terminal: what is not printable ASCII is a question mark.
std::string Printable(absl::string_view text);

/// A name from a file, so, in quotes, and cut where it is very long.
std::string Quoted(absl::string_view name);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_QUOTED_H_
