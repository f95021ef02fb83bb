#ifndef CALIPERS_SERVER_MODEL_GLOB_H_
#define CALIPERS_SERVER_MODEL_GLOB_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "re2/re2.h"

namespace calipers::server {

/// A pattern of names, in which * stands for any characters and ? for one. Immutable; copies are
/// cheap; thread-safe.
class Glob {
 public:
  /// `field` names the field of the request in errors. INVALID_ARGUMENT, with the reason, for more
  /// than 512 characters. An empty pattern matches every name.
  static absl::StatusOr<Glob> Make(absl::string_view field, absl::string_view pattern);

  bool Matches(absl::string_view name) const;

 private:
  Glob() = default;
  std::shared_ptr<const RE2> pattern_;  // null: matches all
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_GLOB_H_
