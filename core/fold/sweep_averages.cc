#include "core/fold/sweep_averages.h"

#include <cblas.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "core/args/arithmetic.h"
#include "core/fold/fold_values.h"
#include "core/fold/moving_average.h"

namespace calipers {
namespace {

// The number of records for which each average is read and written once. With more records the
// product was no faster.
constexpr std::size_t kChunkRecords = 64;
// The largest size of a chunk, in bytes.
constexpr std::size_t kChunkBytes = std::size_t{4} << 20;

// True if a matrix product may sum `value`: 0 times `value` is 0, and no partial sum overflows if
// the result does not. False for NaN.
bool IsTame(double value) { return std::fabs(value) < 0x1p1000; }

// The weights, after a chunk, of each record of the chunk and of the average before it.
struct Weights {
  std::vector<double> of_records;  // records x constants
  std::vector<double> of_past;     // one per constant
  // True if a record replaced the average, because its weight was 1.
  std::vector<bool> replaces;
};

Weights WeightsOf(absl::Span<const double> constants, Weighting weighting,
                  absl::Span<const std::int64_t> num_observations) {
  const std::size_t n = constants.size();
  Weights weights{.of_records = std::vector<double>(num_observations.size() * n),
                  .of_past = std::vector<double>(n, 1.0),
                  .replaces = std::vector<bool>(n)};
  std::vector<double> taken(n);
  for (std::size_t r = num_observations.size(); r-- > 0;) {
    if (r + 1 == num_observations.size() || num_observations[r] != num_observations[r + 1]) {
      for (std::size_t i = 0; i < n; ++i) {
        taken[i] = WeightOf(weighting, constants[i], num_observations[r]);
        if (taken[i] == 1.0) weights.replaces[i] = true;
      }
    }
    double* const of_record = &weights.of_records[r * n];
    for (std::size_t i = 0; i < n; ++i) {
      of_record[i] = taken[i] * weights.of_past[i];
      weights.of_past[i] *= 1.0 - taken[i];
    }
  }
  return weights;
}

// average *= weight. Infinity and NaN stay, even if the weight underflowed to 0.
void Weigh(absl::Span<double> average, double weight) {
  if (weight > 0) {
    cblas_dscal(static_cast<blasint>(average.size()), weight, average.data(), 1);
    return;
  }
  for (double& value : average) {
    if (std::isfinite(value)) value = 0;
  }
}

// OpenBLAS would start threads of its own, but the callers of core have their own threads.
void KeepToCallersThread() {
  [[maybe_unused]] static const bool done = (openblas_set_num_threads(1), true);
}

}  // namespace

void SweepAverages::Add(const Record& record) {
  if (record.empty()) return;
  if (empty()) return Begin(record);
  assert(record.values().size() == width_ * ByteSize(record.dtype()));
  if (chunk_records_ == 1) {
    return FoldRecord(record.dtype(), record.values().data(), record.num_observations());
  }
  Gather(record);
  if (gathered_.size() == chunk_records_) FoldGathered();
}

FoldedRange SweepAverages::Answer(std::size_t i) {
  assert(!empty());
  FoldGathered();
  return ToFoldedRange(Dtype::kF64, average(i));
}

void SweepAverages::Begin(const Record& record) {
  width_ = record.values().size() / ByteSize(record.dtype());
  averages_.resize(constants_.size() * width_);
  for (std::size_t i = 0; i < constants_.size(); ++i) {
    FoldValues(record.dtype(), Arithmetic::kExact, FoldStep::kReplace, 0, record.values().data(),
               average(i));
  }
  chunk_records_ =
      std::clamp(kChunkBytes / (width_ * sizeof(double)), std::size_t{1}, kChunkRecords);
  if (chunk_records_ > 1) chunk_.resize(chunk_records_ * width_);
  gathered_.reserve(chunk_records_);
}

void SweepAverages::Gather(const Record& record) {
  const auto values = absl::MakeSpan(chunk_).subspan(gathered_.size() * width_, width_);
  FoldValues(record.dtype(), Arithmetic::kExact, FoldStep::kReplace, 0, record.values().data(),
             values);
  gathered_.push_back(record.num_observations());
  fits_product_ = fits_product_ && std::all_of(values.begin(), values.end(), IsTame);
}

void SweepAverages::FoldGathered() {
  if (fits_product_) {
    FoldByProduct();
  } else {
    for (std::size_t r = 0; r < gathered_.size(); ++r) {
      FoldRecord(Dtype::kF64, reinterpret_cast<const std::byte*>(&chunk_[r * width_]),
                 gathered_[r]);
    }
  }
  gathered_.clear();
  fits_product_ = true;
}

void SweepAverages::FoldByProduct() {
  if (gathered_.empty()) return;
  KeepToCallersThread();
  const Weights weights = WeightsOf(constants_, weighting_, gathered_);
  for (std::size_t i = 0; i < constants_.size(); ++i) {
    const absl::Span<double> past = average(i);
    if (weights.replaces[i]) {
      std::fill(past.begin(), past.end(), 0.0);  // Not multiplied: 0 * infinity is NaN.
    } else {
      Weigh(past, weights.of_past[i]);
    }
  }
  const auto constants = static_cast<blasint>(constants_.size());
  const auto records = static_cast<blasint>(gathered_.size());
  const auto width = static_cast<blasint>(width_);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, constants, width, records, 1.0,
              weights.of_records.data(), constants, chunk_.data(), width, 1.0, averages_.data(),
              width);
}

void SweepAverages::FoldRecord(Dtype dtype, const std::byte* values,
                               std::int64_t num_observations) {
  for (std::size_t i = 0; i < constants_.size(); ++i) {
    const double weight = WeightOf(weighting_, constants_[i], num_observations);
    FoldValues(dtype, Arithmetic::kExact, weight == 1.0 ? FoldStep::kReplace : FoldStep::kAverage,
               weight, values, average(i));
  }
}

}  // namespace calipers
