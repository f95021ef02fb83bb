#include "server/model/index_set.h"

#include <cassert>
#include <iterator>

namespace calipers::server {

bool IndexSet::Insert(BatchIndex index) {
  auto after = ranges_.upper_bound(index);
  auto before = after == ranges_.begin() ? ranges_.end() : std::prev(after);
  if (before != ranges_.end() && index < before->second) return false;
  const bool joins_before = before != ranges_.end() && before->second == index;
  const bool joins_after = after != ranges_.end() && after->first == index + 1;
  if (joins_before && joins_after) {
    before->second = after->second;
    ranges_.erase(after);
  } else if (joins_before) {
    before->second = index + 1;
  } else if (joins_after) {
    const BatchIndex end = after->second;
    ranges_.erase(after);
    ranges_.emplace(index, end);
  } else {
    ranges_.emplace(index, index + 1);
  }
  return true;
}

void IndexSet::Append(IndexRange range) {
  assert(range.start < range.end);
  assert(ranges_.empty() ? range.start >= 0 : range.start > End());
  ranges_.emplace_hint(ranges_.end(), range.start, range.end);
}

bool IndexSet::Contains(BatchIndex index) const {
  const auto after = ranges_.upper_bound(index);
  return after != ranges_.begin() && index < std::prev(after)->second;
}

BatchIndex IndexSet::ContiguousPrefix() const {
  return ranges_.empty() || ranges_.begin()->first != 0 ? 0 : ranges_.begin()->second;
}

BatchIndex IndexSet::End() const { return ranges_.empty() ? 0 : ranges_.rbegin()->second; }

std::vector<IndexRange> IndexSet::Missing(std::size_t limit) const {
  std::vector<IndexRange> missing;
  BatchIndex at = 0;
  for (const auto& [start, end] : ranges_) {
    if (missing.size() == limit) break;
    if (start > at) missing.push_back({at, start});
    at = end;
  }
  return missing;
}

std::vector<IndexRange> IndexSet::Ranges() const {
  std::vector<IndexRange> ranges;
  ranges.reserve(ranges_.size());
  for (const auto& [start, end] : ranges_) ranges.push_back({start, end});
  return ranges;
}

std::int64_t IndexSet::MissingRangeCount() const {
  const auto ranges = static_cast<std::int64_t>(ranges_.size());
  return ContiguousPrefix() > 0 ? ranges - 1 : ranges;
}

}  // namespace calipers::server
