#include "server/storage/sealing.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace calipers::server {
namespace {

constexpr std::size_t kRangesNamed = 20;

std::string RangeText(const IndexRange& range) {
  return range.end - range.start == 1 ? absl::StrCat(range.start)
                                      : absl::StrCat(range.start, "-", range.end - 1);
}

// The missing indices below `count` as text; "" if none is missing.
std::string MissingText(const IndexSet& indices, std::int64_t count) {
  std::vector<IndexRange> missing = indices.Missing(kRangesNamed);
  std::int64_t ranges = indices.MissingRangeCount();
  if (indices.End() < count) {
    if (missing.size() < kRangesNamed) missing.push_back({indices.End(), count});
    ++ranges;
  }
  const std::string text = absl::StrJoin(
      missing, ", ",
      [](std::string* out, const IndexRange& range) { absl::StrAppend(out, RangeText(range)); });
  const std::int64_t unnamed = ranges - static_cast<std::int64_t>(missing.size());
  return unnamed > 0 ? absl::StrCat(text, " and ", unnamed, " more ranges") : text;
}

}  // namespace

absl::StatusOr<std::int64_t> CountToSealAt(const IndexSet& indices,
                                           std::optional<std::int64_t> sealed_count,
                                           std::optional<std::int64_t> count) {
  if (sealed_count) {
    if (!count || *count == *sealed_count) return *sealed_count;
    return absl::FailedPreconditionError(absl::StrCat("count is ", *count,
                                                      "; the session is sealed at ", *sealed_count,
                                                      " (a seal is for good: reset the session "
                                                      "to begin again)"));
  }
  const std::int64_t wanted = count.value_or(indices.End());
  if (wanted < 1) {
    return count ? absl::InvalidArgumentError(
                       absl::StrCat("count is ", *count, "; a session is sealed at 1 or more"))
                 : absl::FailedPreconditionError("the session has seen no observation");
  }
  if (indices.End() > wanted) {
    return absl::FailedPreconditionError(absl::StrCat(
        "count is ", wanted, "; the session's records reach to ", indices.End(),
        " (were there more batches than that, or is an index not the batch's position?)"));
  }
  if (indices.ContiguousPrefix() < wanted) {
    return absl::FailedPreconditionError(absl::StrCat(
        "of records 0 to ", wanted - 1, " these are missing: ", MissingText(indices, wanted),
        " (send them, then seal)"));
  }
  return wanted;
}

absl::Status SealedError(BatchIndex index, std::int64_t sealed_count) {
  return absl::FailedPreconditionError(
      absl::StrCat("index ", index, " is not in the session, which is sealed at ", sealed_count,
                   " records (reset it to begin again)"));
}

}  // namespace calipers::server
