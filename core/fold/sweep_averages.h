#ifndef CALIPERS_CORE_FOLD_SWEEP_AVERAGES_H_
#define CALIPERS_CORE_FOLD_SWEEP_AVERAGES_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/args/weighting.h"
#include "core/fold/folded_range.h"
#include "core/reduce/record.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// The moving averages of one series in exact arithmetic, for many averaging constants
/// at once. Written out, an average is a sum: each record times what it still weighs
/// after those behind it. So records are gathered into chunks, and a chunk is folded
/// into all averages by one matrix product: weights (constants x records) times values
/// (records x parameters). OpenBLAS computes it, on the caller's thread.
///
/// An average is, before its one rounding to float32, within n x 2^-52 of the largest
/// magnitude among n records of what a "minmax" observer holds; a zero's sign may
/// differ. Infinity and NaN are where that observer has them. A chunk that holds one is
/// folded as the observer folds, record by record. Movable; not thread-safe.
class SweepAverages {
 public:
  /// At least one constant, each in [0, 1].
  SweepAverages(std::vector<double> averaging_constants, Weighting weighting)
      : constants_(std::move(averaging_constants)), weighting_(weighting) {}

  /// As Observer::Add.
  void Add(const Record& record);

  /// True while no record with elements was added.
  bool empty() const { return width_ == 0; }

  /// As Observer::Answer, for the constant at `i`; empty() must be false. Folds what
  /// was gathered.
  FoldedRange Answer(std::size_t i);

 private:
  // Every average is the series' first record.
  void Begin(const Record& record);
  void Gather(const Record& record);
  // Folds what was gathered, in one of the two ways below.
  void FoldGathered();
  void FoldByProduct();
  // One record into one average after the other; `values` are packed, of `dtype`.
  void FoldRecord(Dtype dtype, const std::byte* values, std::int64_t num_observations);

  absl::Span<double> average(std::size_t i) {
    return absl::MakeSpan(averages_).subspan(i * width_, width_);
  }

  std::vector<double> constants_;
  Weighting weighting_;
  // A record's values: 2 for each parameter, 2 for the tensor.
  std::size_t width_ = 0;
  // How many records make a full chunk.
  std::size_t chunk_records_ = 0;
  // constants x width.
  std::vector<double> averages_;
  // chunk_records x width; as many rows are gathered as gathered_ has entries.
  std::vector<double> chunk_;
  // The num_observations of each gathered record.
  std::vector<std::int64_t> gathered_;
  // Whether a matrix product may fold them.
  bool fits_product_ = true;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_SWEEP_AVERAGES_H_
