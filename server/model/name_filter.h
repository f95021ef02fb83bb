#ifndef CALIPERS_SERVER_MODEL_NAME_FILTER_H_
#define CALIPERS_SERVER_MODEL_NAME_FILTER_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/model/glob.h"
#include "server/model/names.h"

namespace calipers::server {

/// Selects the sessions of a list, a watch, a coverage or a seal: those of one run, or of all runs,
/// whose module matches a glob. Immutable; thread-safe.
class NameFilter {
 public:
  /// `parent` is runs/{run}, or runs/- for all runs. A glob with a / is compared with
  /// {module}/{base_name}, and any other with {module}. INVALID_ARGUMENT, with the reason, if
  /// `parent` or `glob` (Glob::Make) is invalid.
  static absl::StatusOr<NameFilter> Make(absl::string_view parent, absl::string_view glob);

  /// The beginning of every matching full name.
  const std::string& prefix() const { return prefix_; }
  bool Matches(const SessionName& name) const;

 private:
  NameFilter(Glob glob, bool whole_id) : glob_(std::move(glob)), whole_id_(whole_id) {}
  std::string prefix_;
  Glob glob_;
  // True if the glob is compared with {module}/{base_name}.
  bool whole_id_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_NAME_FILTER_H_
