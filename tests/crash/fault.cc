#include "tests/crash/fault.h"

#include <map>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace calipers::crash {
namespace {

bool Names(absl::string_view pattern, absl::string_view kind, absl::string_view operation) {
  const bool of_kind = absl::ConsumePrefix(&pattern, "any-") ||
                       (absl::ConsumePrefix(&pattern, kind) && absl::ConsumePrefix(&pattern, "-"));
  return of_kind && pattern == operation;
}

}  // namespace

absl::StatusOr<Fault> Fault::Parse(absl::string_view text) {
  static const auto* const kErrors =
      new std::map<absl::string_view, Error>{{"EIO", kIo}, {"ENOSPC", kNoSpace}, {"short", kShort}};
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  Fault fault;
  if (parts.size() == 4 && kErrors->contains(parts[1]) &&
      absl::SimpleAtoi(parts[2], &fault.first) && absl::SimpleAtoi(parts[3], &fault.count) &&
      fault.first >= 1 && fault.count >= 0) {
    fault.operation = std::string(parts[0]);
    fault.error = kErrors->at(parts[1]);
    return fault;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not OPERATION:ERROR:FIRST:COUNT, as in wal-sync:EIO:3:1"));
}

std::optional<Fault::Error> FaultPlan::Next(absl::string_view kind, absl::string_view operation) {
  std::optional<Fault::Error> error;
  absl::MutexLock lock(&mu_);
  for (Counted& counted : faults_) {
    const Fault& fault = counted.fault;
    if (!Names(fault.operation, kind, operation)) continue;
    const std::int64_t position = ++counted.seen;
    const bool over = fault.count > 0 && position >= fault.first + fault.count;
    if (position >= fault.first && !over) error = fault.error;
  }
  return error;
}

}  // namespace calipers::crash
