#include "tests/crash/failpoint.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace calipers::crash {

absl::StatusOr<Failpoint> Failpoint::Parse(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, ':');
  std::int64_t pass = 0;
  if (parts.first.empty() || !absl::SimpleAtoi(parts.second, &pass) || pass < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not POINT:N with N of 1 or more, as in after-put:3"));
  }
  Failpoint failpoint;
  failpoint.point_ = std::string(parts.first);
  failpoint.left_ = pass;
  return failpoint;
}

void Failpoint::Pass(absl::string_view point) {
  if (point_ != point || left_.fetch_sub(1) != 1) return;
  kill(getpid(), SIGKILL);
  // The signal may reach another thread first, but this thread must not continue.
  while (true) pause();
}

}  // namespace calipers::crash
