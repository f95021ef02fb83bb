#ifndef CALIPERS_CORE_REDUCE_REDUCER_H_
#define CALIPERS_CORE_REDUCE_REDUCER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/reduce/accumulators.h"
#include "core/reduce/geometry.h"
#include "core/reduce/record.h"
#include "core/reduce/statistic.h"
#include "core/reduce/statistics/registry.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// Reduces one tensor, given in pieces, to its record. Holds its parameters'
/// accumulators (StateBytes) and never the tensor. Not thread-safe; any number
/// may work side by side.
class Reducer {
 public:
  /// Bytes that a Reducer over `view` takes while it works and its record after
  /// that, so that a caller can budget before it makes one. Saturates.
  static std::int64_t StateBytes(Dtype dtype, const View& view,
                                 const StatisticSet& statistics = {});

  /// The record will have these statistics beside its range.
  Reducer(Dtype dtype, View view, std::int64_t num_observations,
          const StatisticSet& statistics = {});

  /// Bytes that the tensor has, and that are still to come.
  std::int64_t total_bytes() const { return total_bytes_; }
  std::int64_t remaining_bytes() const { return total_bytes_ - seen_bytes_; }

  /// INVALID_ARGUMENT, with the counts, if `bytes` are more than remain.
  absl::Status CheckRemain(std::size_t bytes) const;

  /// Takes the tensor's next bytes, cut anywhere. INVALID_ARGUMENT if they are
  /// more than remain; then none of them is taken.
  absl::Status Update(absl::Span<const std::byte> piece);

  /// The record. INVALID_ARGUMENT, naming the counts, while bytes remain. The
  /// reducer is spent after it.
  absl::StatusOr<Record> Finish() &&;

 private:
  struct Part {
    const Statistic* statistic;
    std::unique_ptr<StatisticReducer> reducer;
  };

  static std::vector<Part> NewParts(Dtype dtype, const View& view, const StatisticSet& statistics);
  // The whole elements of a piece go to the range and to each statistic.
  void ReduceElements(const std::byte* data, std::int64_t count);
  void ReduceRange(const std::byte* data, std::int64_t count);
  void AddPadding(std::int64_t param, std::vector<std::byte>& values) const;

  Dtype dtype_;
  // Empty for most sessions. Made before view_, which changes the view.
  std::vector<Part> parts_;
  View view_;
  std::int64_t num_observations_;
  std::int64_t total_bytes_;
  std::int64_t seen_bytes_ = 0;
  std::int64_t next_element_ = 0;
  // An element cut by the end of a piece.
  std::array<std::byte, 8> partial_{};
  std::size_t partial_size_ = 0;
  Accumulators accumulators_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_REDUCER_H_
