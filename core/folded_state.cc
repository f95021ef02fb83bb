#include "core/folded_state.h"

#include <algorithm>
#include <cassert>
#include <type_traits>

#include "absl/types/span.h"
#include "core/element.h"
#include "core/element_load.h"
#include "core/fold_arithmetic.h"

namespace calipers {
namespace {

template <Arithmetic kArithmetic>
using ArithmeticConstant = std::integral_constant<Arithmetic, kArithmetic>;

template <typename Visitor>
void VisitFold(Dtype dtype, Arithmetic arithmetic, const Visitor& visitor) {
  VisitDtype(dtype, [&](auto dtype_constant) {
    if (arithmetic == Arithmetic::kExact) {
      visitor(dtype_constant, ArithmeticConstant<Arithmetic::kExact>());
    } else {
      visitor(dtype_constant, ArithmeticConstant<Arithmetic::kReference>());
    }
  });
}

// values[i] = combine(values[i], element i) for packed elements. Generic over
// `combine`, so that the compiler sees through it.
template <Dtype kDtype, Arithmetic kArithmetic, typename Combine>
void FoldElements(absl::Span<const std::byte> elements, double* values, const Combine& combine) {
  using Element = decltype(LoadExactly<kDtype>(nullptr));
  // PyTorch promotes an integer tensor to float32, in one rounding.
  using Entry =
      std::conditional_t<kArithmetic == Arithmetic::kReference && std::is_integral_v<Element>,
                         float, Element>;
  const std::size_t count = elements.size() / kElementBytes<kDtype>;
  const std::byte* data = elements.data();
  for (std::size_t i = 0; i < count; ++i) {
    const auto entry = static_cast<Entry>(LoadExactly<kDtype>(data + i * kElementBytes<kDtype>));
    values[i] = combine(values[i], static_cast<double>(entry));
  }
}

// Folds the four parts of a record into their places in a state.
template <Dtype kDtype, Arithmetic kArithmetic, typename CombineMin, typename CombineMax>
void FoldRecord(const Record& record, double* values, const CombineMin& combine_min,
                const CombineMax& combine_max) {
  const std::size_t n = record.num_params();
  FoldElements<kDtype, kArithmetic>(record.min(), values, combine_min);
  FoldElements<kDtype, kArithmetic>(record.max(), values + n, combine_max);
  FoldElements<kDtype, kArithmetic>(record.global_min(), values + 2 * n, combine_min);
  FoldElements<kDtype, kArithmetic>(record.global_max(), values + 2 * n + 1, combine_max);
}

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
  VisitFold(dtype_, arithmetic_, [&](auto dtype, auto arithmetic) {
    const auto newest = [](double, double current) { return current; };
    FoldRecord<dtype(), arithmetic()>(record, values_.data(), newest, newest);
  });
}

void FoldedState::Widen(const Record& record) {
  if (empty()) return Replace(record);
  assert(record.dtype() == dtype_ && record.num_params() == num_params_);
  VisitFold(dtype_, arithmetic_, [&](auto dtype, auto arithmetic) {
    FoldRecord<dtype(), arithmetic()>(
        record, values_.data(), [](double a, double b) { return Lower(a, b); },
        [](double a, double b) { return Upper(a, b); });
  });
}

void FoldedState::Average(const Record& record, double c) {
  if (empty() || c == 1.0) return Replace(record);
  assert(record.dtype() == dtype_ && record.num_params() == num_params_);
  VisitFold(dtype_, arithmetic_, [&](auto dtype, auto arithmetic) {
    using Average = std::conditional_t<arithmetic() == Arithmetic::kExact, ExactAverage,
                                       ReferenceAverage<dtype()>>;
    const Average average(c);
    FoldRecord<dtype(), arithmetic()>(record, values_.data(), average, average);
  });
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
