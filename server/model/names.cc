#include "server/model/names.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxRun = 128;
constexpr std::size_t kMaxModule = 512;
constexpr absl::string_view kSessions = "/sessions/";

// Names come from clients and appear in messages and logs, so quote and clip them.
std::string Shown(absl::string_view text) {
  constexpr std::size_t kShown = 200;
  std::string safe;
  for (char c : text.substr(0, kShown)) safe += absl::ascii_isprint(c) ? c : '?';
  return absl::StrCat("\"", safe, text.size() > kShown ? "...\"" : "\"");
}

bool AllOf(absl::string_view text, absl::string_view extra) {
  for (char c : text) {
    if (!absl::ascii_isalnum(c) && !absl::StrContains(extra, c)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<RunName> RunName::Parse(absl::string_view name) {
  absl::string_view run = name;
  if (!absl::ConsumePrefix(&run, "runs/") || run.empty() || run.size() > kMaxRun || run == "-" ||
      !AllOf(run, "._-")) {
    return absl::InvalidArgumentError(
        absl::StrCat("run name ", Shown(name),
                     " is not runs/{run} with {run} of 1 to 128 characters of [A-Za-z0-9._-]"));
  }
  return RunName(std::string(name));
}

absl::StatusOr<SessionName> SessionName::Parse(absl::string_view name) {
  const std::size_t split = name.find(kSessions);
  if (split == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("session name ", Shown(name),
                     " is not of the form runs/{run}/sessions/{module}/{base_name}"));
  }
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(name.substr(0, split)));
  return Make(run, name.substr(split + kSessions.size()));
}

absl::StatusOr<SessionName> SessionName::Make(const RunName& run, absl::string_view session_id) {
  const std::size_t slash = session_id.rfind('/');
  const absl::string_view module =
      slash == absl::string_view::npos ? absl::string_view() : session_id.substr(0, slash);
  if (module.empty() || module.size() > kMaxModule || !AllOf(module, "_.:/-")) {
    return absl::InvalidArgumentError(
        absl::StrCat("session id ", Shown(session_id),
                     " is not {module}/{base_name} with {module} of 1 to 512 characters of "
                     "[A-Za-z0-9_.:/-]"));
  }
  ASSIGN_OR_RETURN(const BaseName base_name, ParseBaseName(session_id.substr(slash + 1)));
  SessionName result;
  result.full_ = absl::StrCat(run.SessionPrefix(), session_id);
  result.run_size_ = run.full().size();
  result.module_begin_ = run.SessionPrefix().size();
  result.module_size_ = module.size();
  result.base_name_ = base_name;
  return result;
}

absl::Status CheckBatchNames(std::int64_t count) {
  constexpr std::int64_t kMost = 10'000;
  if (count >= 1 && count <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("names has ", count, " entries; 1 to ", kMost, " are allowed"));
}

}  // namespace calipers::server
