#ifndef CALIPERS_CORE_REDUCE_RECORD_H_
#define CALIPERS_CORE_REDUCE_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/reduce/geometry.h"
#include "core/reduce/range_summary.h"
#include "core/reduce/simd/specials.h"
#include "core/reduce/statistic_values.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element.h"

namespace calipers {

/// What an observation is reduced to: the range, and the other statistics that the session keeps.
/// The range is a pure function of the tensor's bytes, its view and its num_observations: equal
/// tensors give equal ranges, however they were cut, and whoever reduced them.
///
/// Values are of the observed dtype, NaN canonical; a parameter whose elements
/// hold a NaN has NaN for both ends, as torch.amin/amax have it. -0.0 is below
/// +0.0.
class Record {
 public:
  /// An observation without elements.
  static Record Empty(Dtype dtype, std::int64_t num_observations);

  /// `min`, `max`: one element a parameter (at least one), packed, little-endian.
  /// `global_min`, `global_max`: one element each; both empty: the parameters' extremes.
  /// NaN is made canonical; a NaN on one end makes both NaN. INVALID_ARGUMENT if sizes do not fit,
  /// a min is above its max, the global range is not within the parameters' extremes or is NaN
  /// where they are not, or num_observations is negative.
  static absl::StatusOr<Record> Make(Dtype dtype, std::int64_t num_observations,
                                     absl::Span<const std::byte> min,
                                     absl::Span<const std::byte> max,
                                     absl::Span<const std::byte> global_min,
                                     absl::Span<const std::byte> global_max);

  /// The same record with these statistics in place of its own. An empty record has none.
  Record WithStatistics(StatisticValues statistics) &&;

  /// INVALID_ARGUMENT, naming the parameter, if no tensor of `view` can have this
  /// range: the global range is the parameters' extremes but where padding, which is
  /// zeros, belongs to them; a padded parameter's range holds zero.
  absl::Status CheckAgainst(const View& view) const;

  Dtype dtype() const { return dtype_; }
  std::int64_t num_observations() const { return num_observations_; }
  bool empty() const { return values_.empty(); }
  /// 0 for an empty record.
  std::size_t num_params() const;

  /// Packed elements: num_params() of them, or one. Empty for an empty record.
  absl::Span<const std::byte> min() const;
  absl::Span<const std::byte> max() const;
  absl::Span<const std::byte> global_min() const;
  absl::Span<const std::byte> global_max() const;

  /// All of these, one behind the other, in this order.
  absl::Span<const std::byte> values() const { return values_; }

  /// The statistics beside the range.
  const StatisticValues& statistics() const { return statistics_; }

  /// Some parameter's range is NaN.
  bool saw_nan() const { return saw_nan_; }
  /// Some parameter's range that is not NaN ends at an infinity. (A NaN hides
  /// an infinity of the same parameter.)
  bool saw_inf() const { return saw_inf_; }

  /// Bytes on the heap, for budgets.
  std::size_t heap_bytes() const { return values_.capacity() + statistics_.heap_bytes(); }

  friend bool operator==(const Record&, const Record&) = default;

 private:
  friend class Reducer;
  Record() = default;
  // Takes values in the layout below, canonical and in order, and what they have.
  static Record FromReduced(Dtype dtype, std::int64_t num_observations,
                            std::vector<std::byte> values, const Specials& specials);
  // INVALID_ARGUMENT if the values, whose parameters come to `summary`, contradict each
  // other.
  absl::Status CheckOrder(const RangeSummary& summary) const;
  // INVALID_ARGUMENT if the range of a parameter that covers padding does not hold zero.
  absl::Status CheckPadding(const View& view) const;
  // One parameter's ends.
  absl::Span<const std::byte> MinOf(std::size_t param) const;
  absl::Span<const std::byte> MaxOf(std::size_t param) const;

  Dtype dtype_ = Dtype::kF32;
  bool saw_nan_ = false;
  bool saw_inf_ = false;
  std::int64_t num_observations_ = 0;
  // min[n], max[n], global_min, global_max; nothing for an empty record.
  std::vector<std::byte> values_;
  StatisticValues statistics_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_RECORD_H_
