#include "server/model/glob.h"

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxGlob = 512;

re2::StringPiece Piece(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::StatusOr<Glob> Glob::Make(absl::string_view field, absl::string_view pattern) {
  Glob glob;
  if (pattern.empty() || pattern == "*") return glob;
  if (pattern.size() > kMaxGlob) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " has ", pattern.size(), " characters; at most ", kMaxGlob, " are allowed"));
  }
  std::string regex;
  for (char c : pattern) {
    if (c == '*') {
      regex += ".*";
    } else if (c == '?') {
      regex += '.';
    } else {
      regex += RE2::QuoteMeta(re2::StringPiece(&c, 1));
    }
  }
  RE2::Options options(RE2::Latin1);
  options.set_log_errors(false);
  glob.pattern_ = std::make_shared<const RE2>(regex, options);
  if (!glob.pattern_->ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " cannot be used: ", glob.pattern_->error()));
  }
  return glob;
}

bool Glob::Matches(absl::string_view name) const {
  return pattern_ == nullptr || RE2::FullMatch(Piece(name), *pattern_);
}

}  // namespace calipers::server
