#include "core/tensor/element.h"

#include <cmath>
#include <type_traits>

#include "core/tensor/element_load.h"
#include "core/tensor/element_store.h"

namespace calipers {
double LoadElement(Dtype dtype, const std::byte* element) {
  double value = 0;
  VisitDtype(dtype, [&](auto constant) {
    value = static_cast<double>(LoadExactly<decltype(constant)::value>(element));
  });
  return value;
}

void StoreElement(Dtype dtype, double value, std::byte* element) {
  VisitDtype(dtype, [&](auto constant) { StoreAs<decltype(constant)::value>(value, element); });
}

bool IsNan(Dtype dtype, const std::byte* element) {
  return IsFloat(dtype) && std::isnan(LoadElement(dtype, element));
}

bool IsInf(Dtype dtype, const std::byte* element) {
  return IsFloat(dtype) && std::isinf(LoadElement(dtype, element));
}

int CompareElements(Dtype dtype, const std::byte* a, const std::byte* b) {
  int order = 0;
  VisitDtype(dtype, [&](auto constant) {
    const auto x = LoadExactly<decltype(constant)::value>(a);
    const auto y = LoadExactly<decltype(constant)::value>(b);
    order = x < y ? -1 : x > y ? 1 : 0;
    if constexpr (std::is_floating_point_v<decltype(x + y)>) {
      if (order == 0) order = int{std::signbit(y)} - int{std::signbit(x)};
    }
  });
  return order;
}

}  // namespace calipers
