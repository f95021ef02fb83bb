#include "core/fold/folded_range.h"

#include <cassert>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "core/fold/extremes.h"
#include "core/tensor/element_load.h"
#include "core/tensor/element_store.h"

namespace calipers {
namespace {

Elements Store(Dtype dtype, absl::Span<const double> values) {
  Elements elements{dtype, std::vector<std::byte>(values.size() * ByteSize(dtype))};
  VisitDtype(dtype, [&](auto as) {
    std::byte* element = elements.bytes.data();
    for (const double value : values) {
      StoreAs<as>(value, element);
      element += kElementBytes<as>;
    }
  });
  return elements;
}

}  // namespace

FoldedRange ToFoldedRange(Dtype dtype, absl::Span<const double> values) {
  assert(values.size() >= 4 && values.size() % 2 == 0);
  const std::size_t n = values.size() / 2 - 1;
  const auto min = values.first(n);
  const auto max = values.subspan(n, n);
  double lowest = min[0];
  double highest = max[0];
  for (const double value : min) lowest = Lower(lowest, value);
  for (const double value : max) highest = Upper(highest, value);
  return {.range = {Store(dtype, min), Store(dtype, max)},
          .global = {Store(dtype, values.subspan(2 * n, 1)),
                     Store(dtype, values.subspan(2 * n + 1, 1))},
          .global_of_range = {Store(dtype, {lowest}), Store(dtype, {highest})}};
}

absl::Status Widen(ElementRange& range, const ElementRange& other) {
  const Dtype dtype = range.min.dtype;
  if (other.min.dtype != dtype || other.min.size() != range.min.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its peers have ranges of ", range.min.size(), " parameters of ", DtypeName(dtype),
        " and of ", other.min.size(), " of ", DtypeName(other.min.dtype)));
  }
  const std::size_t size = ByteSize(dtype);
  for (std::size_t i = 0; i < range.min.size(); ++i) {
    StoreElement(dtype, Lower(range.min[i], other.min[i]), range.min.bytes.data() + i * size);
    StoreElement(dtype, Upper(range.max[i], other.max[i]), range.max.bytes.data() + i * size);
  }
  return absl::OkStatus();
}

}  // namespace calipers
