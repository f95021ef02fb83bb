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

/// The moving averages of one series in exact arithmetic, for many averaging constants at once. An
/// average is a sum: each record times the weight that is left of it after the later records. So
/// records are gathered into chunks, and one matrix product folds a chunk into all averages:
/// weights (constants x records) times values (records x parameters). OpenBLAS computes it, on the
/// caller's thread.
///
/// An average differs from the value of a "minmax" observer by at most n x 2^-52 of the largest
/// magnitude among n records. The sign of a zero may differ. Infinity and NaN are where that
/// observer has them. A chunk that holds NaN, infinity or a magnitude from 2^1000 on is folded as
/// the observer folds, record by record. Movable; not thread-safe.
class SweepAverages {
 public:
  /// At least one constant, each in [0, 1].
  SweepAverages(std::vector<double> averaging_constants, Weighting weighting)
      : constants_(std::move(averaging_constants)), weighting_(weighting) {}

  /// As Observer::Add.
  void Add(const Record& record);

  /// True until a record with elements is added.
  bool empty() const { return width_ == 0; }

  /// As Observer::Answer, for the constant at `i`; empty() must be false. Folds the gathered
  /// records first.
  FoldedRange Answer(std::size_t i);

 private:
  // Sets every average to the series' first record.
  void Begin(const Record& record);
  void Gather(const Record& record);
  // Folds the gathered records, in one of the two ways below.
  void FoldGathered();
  void FoldByProduct();
  // Folds one record into one average after the other. `values` are packed, of `dtype`.
  void FoldRecord(Dtype dtype, const std::byte* values, std::int64_t num_observations);

  absl::Span<double> average(std::size_t i) {
    return absl::MakeSpan(averages_).subspan(i * width_, width_);
  }

  std::vector<double> constants_;
  Weighting weighting_;
  // The number of values in a record: 2 for each parameter, and 2 for the tensor.
  std::size_t width_ = 0;
  // The number of records in a full chunk.
  std::size_t chunk_records_ = 0;
  // constants x width.
  std::vector<double> averages_;
  // chunk_records x width. The first gathered_.size() rows are used.
  std::vector<double> chunk_;
  // The num_observations of each gathered record.
  std::vector<std::int64_t> gathered_;
  // True if a matrix product may fold the gathered records.
  bool fits_product_ = true;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_SWEEP_AVERAGES_H_
