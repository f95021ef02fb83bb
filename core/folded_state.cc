#include "core/folded_state.h"

#include <algorithm>
#include <cassert>

#include "absl/types/span.h"
#include "core/element.h"
#include "core/fold_arithmetic.h"

namespace calipers {
namespace {

Elements Store(Dtype dtype, absl::Span<const double> values) {
  Elements elements{dtype, std::vector<std::byte>(values.size() * ByteSize(dtype))};
  std::byte* element = elements.bytes.data();
  for (const double value : values) {
    StoreElement(dtype, value, element);
    element += ByteSize(dtype);
  }
  return elements;
}

}  // namespace

void FoldedState::Replace(const Record& record) {
  assert(!record.empty());
  assert(arithmetic_ == Arithmetic::kExact || !IsFloat8(record.dtype()));
  assert(empty() || (record.dtype() == dtype_ && record.num_params() == num_params_));
  dtype_ = record.dtype();
  num_params_ = record.num_params();
  values_.resize(2 * num_params_ + 2);
  Fold(FoldStep::kReplace, 0, record.values(), 0);
}

void FoldedState::Widen(const Record& record) {
  if (empty()) return Replace(record);
  assert(record.dtype() == dtype_ && record.num_params() == num_params_);
  const std::size_t n = num_params_;
  Fold(FoldStep::kLower, 0, record.min(), 0);
  Fold(FoldStep::kUpper, 0, record.max(), n);
  Fold(FoldStep::kLower, 0, record.global_min(), 2 * n);
  Fold(FoldStep::kUpper, 0, record.global_max(), 2 * n + 1);
}

void FoldedState::Average(const Record& record, double c) {
  if (empty() || c == 1.0) return Replace(record);
  assert(record.dtype() == dtype_ && record.num_params() == num_params_);
  Fold(FoldStep::kAverage, c, record.values(), 0);
}

void FoldedState::Fold(FoldStep step, double c, absl::Span<const std::byte> elements,
                       std::size_t at) {
  FoldValues(dtype_, arithmetic_, step, c, elements.data(),
             absl::MakeSpan(values_).subspan(at, elements.size() / ByteSize(dtype_)));
}

Dtype FoldedState::AnswerDtype() const {
  return arithmetic_ == Arithmetic::kReference && IsFloat(dtype_) ? dtype_ : Dtype::kF32;
}

FoldedRange FoldedState::Answer() const {
  assert(!empty());
  const absl::Span<const double> values = values_;
  const auto min = values.first(num_params_);
  const auto max = values.subspan(num_params_, num_params_);
  double lowest = min[0];
  double highest = max[0];
  for (const double value : min) lowest = Lower(lowest, value);
  for (const double value : max) highest = Upper(highest, value);

  const Dtype dtype = AnswerDtype();
  return {.range = {Store(dtype, min), Store(dtype, max)},
          .global = {Store(dtype, values.subspan(2 * num_params_, 1)),
                     Store(dtype, values.subspan(2 * num_params_ + 1, 1))},
          .global_of_range = {Store(dtype, {lowest}), Store(dtype, {highest})}};
}

}  // namespace calipers
