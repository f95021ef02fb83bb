#include "server/model/name_filter.h"

#include "absl/strings/match.h"
#include "core/status_macros.h"

namespace calipers::server {

absl::StatusOr<NameFilter> NameFilter::Make(absl::string_view parent, absl::string_view glob) {
  ASSIGN_OR_RETURN(Glob matching, Glob::Make("module_glob", glob));
  NameFilter filter(std::move(matching), absl::StrContains(glob, '/'));
  if (parent == "runs/-") {
    filter.prefix_ = "runs/";
  } else {
    ASSIGN_OR_RETURN(const RunName run, RunName::Parse(parent));
    filter.prefix_ = run.SessionPrefix();
  }
  return filter;
}

bool NameFilter::Matches(const SessionName& name) const {
  return absl::StartsWith(name.full(), prefix_) &&
         glob_.Matches(whole_id_ ? name.session_id() : name.module());
}

}  // namespace calipers::server
