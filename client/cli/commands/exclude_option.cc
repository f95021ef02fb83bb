#include "client/cli/commands/exclude_option.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

absl::StatusOr<v1::IndexRange> ParseRange(const std::string& text) {
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  std::int64_t first = 0;
  std::int64_t last = 0;
  const bool one = ends.second.empty() && text.find('-') == std::string::npos;
  if (!absl::SimpleAtoi(ends.first, &first) ||
      !absl::SimpleAtoi(one ? ends.first : ends.second, &last) || first < 0 || last < first) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--exclude has \"", text, "\"; give indices and ranges of indices, e.g. 3,10-20"));
  }
  v1::IndexRange range;
  range.set_start(first);
  range.set_end(last + 1);
  return range;
}

}  // namespace

void AddExcludeOption(CLI::App& command, std::vector<std::string>& exclude) {
  command.add_option("--exclude", exclude, "Batches to leave out, e.g. 3,10-20")->delimiter(',');
}

absl::StatusOr<std::vector<v1::IndexRange>> ParseExclude(const std::vector<std::string>& exclude) {
  std::vector<v1::IndexRange> ranges;
  for (const std::string& text : exclude) {
    ASSIGN_OR_RETURN(ranges.emplace_back(), ParseRange(text));
  }
  return ranges;
}

}  // namespace calipers::client
