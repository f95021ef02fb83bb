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

/// A reduced observation: its range, and the other statistics that the session keeps. The range is
/// a pure function of the tensor's bytes, its view and its num_observations. Equal tensors give
/// equal ranges, regardless of how they were cut into pieces and which program reduced them.
///
/// Values have the observed dtype, and NaN is canonical. If the elements of a parameter hold a NaN,
/// both ends of its range are NaN, as in torch.amin and torch.amax. -0.0 is below +0.0.
class Record {
 public:
  /// An observation without elements.
  static Record Empty(Dtype dtype, std::int64_t num_observations);

  /// `min`, `max`: one element for each parameter (at least one), packed, little-endian.
  /// `global_min`, `global_max`: one element each; if both are empty, the extremes of the
  /// parameters are used. NaN is made canonical; a NaN at one end makes both ends NaN.
  /// INVALID_ARGUMENT in these cases: the sizes do not fit; a min is above its max; the global
  /// range is not within the extremes of the parameters; the global range is NaN and no parameter
  /// is, or the reverse; num_observations is negative.
  static absl::StatusOr<Record> Make(Dtype dtype, std::int64_t num_observations,
                                     absl::Span<const std::byte> min,
                                     absl::Span<const std::byte> max,
                                     absl::Span<const std::byte> global_min,
                                     absl::Span<const std::byte> global_max);

  /// The same record with these statistics instead of its own. An empty record has none.
  Record WithStatistics(StatisticValues statistics) &&;

  /// INVALID_ARGUMENT if no tensor of `view` can have this range. Without padding, the global range
  /// must be equal to the extremes of the parameters. With padding, which is zeros, the range of
  /// each padded parameter must hold zero; the message names the parameter.
  absl::Status CheckAgainst(const View& view) const;

  Dtype dtype() const { return dtype_; }
  std::int64_t num_observations() const { return num_observations_; }
  bool empty() const { return values_.empty(); }
  /// 0 for an empty record.
  std::size_t num_params() const;

  /// Packed elements: num_params() in min and max, one in global_min and global_max. Empty for an
  /// empty record.
  absl::Span<const std::byte> min() const;
  absl::Span<const std::byte> max() const;
  absl::Span<const std::byte> global_min() const;
  absl::Span<const std::byte> global_max() const;

  /// The elements of min, max, global_min and global_max, one after the other, in this order.
  absl::Span<const std::byte> values() const { return values_; }

  /// The statistics beside the range.
  const StatisticValues& statistics() const { return statistics_; }

  /// True if the range of some parameter is NaN.
  bool saw_nan() const { return saw_nan_; }
  /// True if the range of some parameter is not NaN and has an infinity at either end. (A NaN hides
  /// an infinity of the same parameter.)
  bool saw_inf() const { return saw_inf_; }

  /// Bytes on the heap, for budgets.
  std::size_t heap_bytes() const { return values_.capacity() + statistics_.heap_bytes(); }

  friend bool operator==(const Record&, const Record&) = default;

 private:
  friend class Reducer;
  Record() = default;
  // Makes a record of values in the layout of values_, which are canonical and in order. `specials`
  // are those of the values.
  static Record FromReduced(Dtype dtype, std::int64_t num_observations,
                            std::vector<std::byte> values, const Specials& specials);
  // INVALID_ARGUMENT if the values contradict each other. `summary` is the summary of the
  // parameters.
  absl::Status CheckOrder(const RangeSummary& summary) const;
  // INVALID_ARGUMENT if the range of a parameter that covers padding does not hold zero.
  absl::Status CheckPadding(const View& view) const;
  // The ends of one parameter's range.
  absl::Span<const std::byte> MinOf(std::size_t param) const;
  absl::Span<const std::byte> MaxOf(std::size_t param) const;

  Dtype dtype_ = Dtype::kF32;
  bool saw_nan_ = false;
  bool saw_inf_ = false;
  std::int64_t num_observations_ = 0;
  // min[n], max[n], global_min, global_max; empty for an empty record.
  std::vector<std::byte> values_;
  StatisticValues statistics_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_RECORD_H_
