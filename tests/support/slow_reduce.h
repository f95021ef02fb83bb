#ifndef CALIPERS_TESTS_SUPPORT_SLOW_REDUCE_H_
#define CALIPERS_TESTS_SUPPORT_SLOW_REDUCE_H_

#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/reduce/geometry.h"
#include "core/tensor/element.h"

namespace calipers::testing {

/// Minimum and maximum of elements, one element at a time: obviously correct, and slow.
class SlowRange {
 public:
  explicit SlowRange(Dtype dtype) : dtype_(dtype) {}

  void Include(const std::byte* element) {
    const std::vector<std::byte> taken(element, element + ByteSize(dtype_));
    if (IsNan(dtype_, element)) {
      nan_ = true;
    } else if (!min_) {
      min_ = max_ = taken;
    } else {
      if (CompareElements(dtype_, taken.data(), min_->data()) < 0) min_ = taken;
      if (CompareElements(dtype_, taken.data(), max_->data()) > 0) max_ = taken;
    }
  }
  void IncludeZero() { Include(std::vector<std::byte>(8).data()); }

  std::vector<std::byte> min() const { return nan_ ? Nan() : *min_; }
  std::vector<std::byte> max() const { return nan_ ? Nan() : *max_; }

 private:
  std::vector<std::byte> Nan() const {
    std::vector<std::byte> nan(ByteSize(dtype_));
    StoreElement(dtype_, std::numeric_limits<double>::quiet_NaN(), nan.data());
    return nan;
  }

  Dtype dtype_;
  bool nan_ = false;
  std::optional<std::vector<std::byte>> min_;
  std::optional<std::vector<std::byte>> max_;
};

/// The expected record of a tensor: min[n], max[n], global min, global max.
inline std::vector<std::byte> SlowReduce(Dtype dtype, const View& view,
                                         absl::Span<const std::byte> tensor) {
  std::vector<SlowRange> params(static_cast<std::size_t>(view.num_params()), SlowRange(dtype));
  SlowRange global(dtype);
  for (std::int64_t e = 0; e < view.num_elements(); ++e) {
    const std::int64_t row = e / view.row_length;
    const std::int64_t column = e % view.row_length;
    const std::byte* element = tensor.data() + static_cast<std::size_t>(e) * ByteSize(dtype);
    params[static_cast<std::size_t>(row / view.reduced_outer * view.kept_inner +
                                    column / view.reduced_inner)]
        .Include(element);
    global.Include(element);
  }
  for (std::int64_t p = 0; p < view.num_params(); ++p) {
    if (view.IsPadded(p)) params[static_cast<std::size_t>(p)].IncludeZero();
  }
  std::vector<std::byte> values;
  const auto append = [&values](const std::vector<std::byte>& element) {
    values.insert(values.end(), element.begin(), element.end());
  };
  for (const SlowRange& range : params) append(range.min());
  for (const SlowRange& range : params) append(range.max());
  append(global.min());
  append(global.max());
  return values;
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_SLOW_REDUCE_H_
