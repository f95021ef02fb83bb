#ifndef CALIPERS_SERVER_MODEL_NAME_FILTER_H_
#define CALIPERS_SERVER_MODEL_NAME_FILTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "re2/re2.h"
#include "server/model/names.h"

namespace calipers::server {

/// Selects the sessions of a list, a watch, a coverage or a seal: those of one run, or of all runs,
/// whose module matches a glob. Immutable; thread-safe.
class NameFilter {
 public:
  /// `parent` is runs/{run}, or runs/- for all runs. In `glob`, * stands for any characters and ?
  /// for one. A glob with a / is compared with {module}/{base_name}, and any other with {module}.
  /// An empty glob matches all. A glob has at most 512 characters. INVALID_ARGUMENT, with the
  /// reason, if an argument is invalid.
  static absl::StatusOr<NameFilter> Make(absl::string_view parent, absl::string_view glob);

  /// The beginning of every matching full name.
  const std::string& prefix() const { return prefix_; }
  bool Matches(const SessionName& name) const;

 private:
  NameFilter() = default;
  std::string prefix_;
  bool whole_id_ = false;
  std::shared_ptr<const RE2> pattern_;  // null: matches all
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_NAME_FILTER_H_
