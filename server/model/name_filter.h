#ifndef CALIPERS_SERVER_MODEL_NAME_FILTER_H_
#define CALIPERS_SERVER_MODEL_NAME_FILTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "re2/re2.h"
#include "server/model/names.h"

namespace calipers::server {

/// Which sessions a list, a watch or a coverage is about: those of a run (or of
/// all), whose module matches a glob. Immutable; thread-safe.
class NameFilter {
 public:
  /// `parent` is runs/{run}, or runs/- for all. In `glob`, * stands for any
  /// characters and ? for one; with a / in it, it is held against
  /// {module}/{base_name}, otherwise against {module}; empty matches all. At
  /// most 512 characters. INVALID_ARGUMENT says what is wrong.
  static absl::StatusOr<NameFilter> Make(absl::string_view parent, absl::string_view glob);

  /// What every matching full name begins with.
  const std::string& prefix() const { return prefix_; }
  bool Matches(const SessionName& name) const;

 private:
  NameFilter() = default;
  std::string prefix_;
  bool whole_id_ = false;
  std::shared_ptr<const RE2> pattern_;  // null: all
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_NAME_FILTER_H_
