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

/// The indices of a series, as disjoint ranges. A complete series of any length is one range. Not
/// thread-safe.
class IndexSet {
 public:
  /// Adds `index`, which must not be negative. False if the set already contains it.
  bool Insert(BatchIndex index);
  /// Adds a range that is not empty. It must begin after End(), or at 0 or later if the set is
  /// empty.
  void Append(IndexRange range);

  bool Contains(BatchIndex index) const;

  /// The set contains all indices 0 .. ContiguousPrefix() - 1.
  BatchIndex ContiguousPrefix() const;
  /// The largest index plus one; 0 if empty.
  BatchIndex End() const;
  /// The missing ranges below End(), ascending, at most `limit`.
  std::vector<IndexRange> Missing(std::size_t limit) const;
  /// The indices as ranges, ascending; no two touch.
  std::vector<IndexRange> Ranges() const;
  /// The number of missing ranges below End().
  std::int64_t MissingRangeCount() const;

 private:
  absl::btree_map<BatchIndex, BatchIndex> ranges_;  // start to end
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_INDEX_SET_H_
