#ifndef CALIPERS_SERVER_MODEL_INDEX_SET_H_
#define CALIPERS_SERVER_MODEL_INDEX_SET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"

namespace calipers::server {

/// A batch's position in the whole calibration set.
using BatchIndex = std::int64_t;

/// [start, end)
struct IndexRange {
  BatchIndex start = 0;
  BatchIndex end = 0;
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

/// The indices of a series, kept as disjoint ranges: a complete series of any
/// length takes one. Not thread-safe.
class IndexSet {
 public:
  /// False if `index` (not negative) was there already.
  bool Insert(BatchIndex index);
  /// All of a range that is not empty and begins behind End(), or at 0 in an empty set.
  void Append(IndexRange range);

  bool Contains(BatchIndex index) const;

  /// Indices 0 .. ContiguousPrefix() - 1 are all there.
  BatchIndex ContiguousPrefix() const;
  /// The largest index plus one; 0 if empty.
  BatchIndex End() const;
  /// Ranges below End() that are not there, ascending, at most `limit`.
  std::vector<IndexRange> Missing(std::size_t limit) const;
  /// The indices as ranges, ascending; no two touch.
  std::vector<IndexRange> Ranges() const;
  /// How many ranges Missing has without a limit.
  std::int64_t MissingRangeCount() const;

 private:
  absl::btree_map<BatchIndex, BatchIndex> ranges_;  // start to end
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_INDEX_SET_H_
