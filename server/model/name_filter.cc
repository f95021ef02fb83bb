#include "server/model/name_filter.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxGlob = 512;

re2::StringPiece Piece(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::StatusOr<NameFilter> NameFilter::Make(absl::string_view parent, absl::string_view glob) {
  NameFilter filter;
  if (parent == "runs/-") {
    filter.prefix_ = "runs/";
  } else {
    ASSIGN_OR_RETURN(const RunName run, RunName::Parse(parent));
    filter.prefix_ = run.SessionPrefix();
  }
  if (glob.empty() || glob == "*") return filter;
  if (glob.size() > kMaxGlob) {
    return absl::InvalidArgumentError(absl::StrCat(
        "module_glob has ", glob.size(), " characters; at most ", kMaxGlob, " are allowed"));
  }
  filter.whole_id_ = absl::StrContains(glob, '/');
  std::string pattern;
  for (char c : glob) {
    if (c == '*') {
      pattern += ".*";
    } else if (c == '?') {
      pattern += '.';
    } else {
      pattern += RE2::QuoteMeta(re2::StringPiece(&c, 1));
    }
  }
  RE2::Options options(RE2::Latin1);
  options.set_log_errors(false);
  filter.pattern_ = std::make_shared<const RE2>(pattern, options);
  if (!filter.pattern_->ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("module_glob cannot be used: ", filter.pattern_->error()));
  }
  return filter;
}

bool NameFilter::Matches(const SessionName& name) const {
  if (!absl::StartsWith(name.full(), prefix_)) return false;
  return pattern_ == nullptr ||
         RE2::FullMatch(Piece(whole_id_ ? name.session_id() : name.module()), *pattern_);
}

}  // namespace calipers::server
