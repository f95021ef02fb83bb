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

/// Reduces one tensor, given in pieces, to its record. Holds the accumulators of the parameters
/// (StateBytes), but never the tensor. Not thread-safe; several reducers may work at the same time.
class Reducer {
 public:
  /// The bytes that a Reducer over `view` takes while it works, and its record takes afterwards. A
  /// caller can check its memory budget before it makes a Reducer. Saturates.
  static std::int64_t StateBytes(Dtype dtype, const View& view,
                                 const StatisticSet& statistics = {});

  /// The record will have these statistics beside its range.
  Reducer(Dtype dtype, View view, std::int64_t num_observations,
          const StatisticSet& statistics = {});

  /// The bytes that the tensor has, and the bytes that have not come yet.
  std::int64_t total_bytes() const { return total_bytes_; }
  std::int64_t remaining_bytes() const { return total_bytes_ - seen_bytes_; }

  /// INVALID_ARGUMENT, with the counts, if `bytes` is more than remaining_bytes().
  absl::Status CheckRemain(std::size_t bytes) const;

  /// Takes the tensor's next bytes. A piece may end anywhere, also within an element.
  /// INVALID_ARGUMENT if `piece` is longer than remaining_bytes(); then nothing is taken.
  absl::Status Update(absl::Span<const std::byte> piece);

  /// The record. INVALID_ARGUMENT, with the counts, while bytes are missing. The reducer cannot be
  /// used afterwards.
  absl::StatusOr<Record> Finish() &&;

 private:
  struct Part {
    const Statistic* statistic;
    std::unique_ptr<StatisticReducer> reducer;
  };

  static std::vector<Part> NewParts(Dtype dtype, const View& view, const StatisticSet& statistics);
  // Gives whole elements to the range and to each statistic.
  void ReduceElements(const std::byte* data, std::int64_t count);
  void ReduceRange(const std::byte* data, std::int64_t count);
  void AddPadding(std::int64_t param, std::vector<std::byte>& values) const;

  Dtype dtype_;
  // Empty for most sessions. Initialized before view_, whose initializer changes the view.
  std::vector<Part> parts_;
  View view_;
  std::int64_t num_observations_;
  std::int64_t total_bytes_;
  std::int64_t seen_bytes_ = 0;
  std::int64_t next_element_ = 0;
  // The first bytes of an element that the end of a piece has cut.
  std::array<std::byte, 8> partial_{};
  std::size_t partial_size_ = 0;
  Accumulators accumulators_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_REDUCER_H_
