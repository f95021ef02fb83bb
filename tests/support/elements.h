#ifndef CALIPERS_TESTS_SUPPORT_ELEMENTS_H_
#define CALIPERS_TESTS_SUPPORT_ELEMENTS_H_

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/tensor/element.h"

namespace calipers::testing {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// `values` as elements of `dtype`, rounded by StoreElement.
inline Elements Packed(Dtype dtype, const std::vector<double>& values) {
  Elements elements{dtype, std::vector<std::byte>(values.size() * ByteSize(dtype))};
  for (std::size_t i = 0; i < values.size(); ++i) {
    StoreElement(dtype, values[i], elements.bytes.data() + i * ByteSize(dtype));
  }
  return elements;
}

inline std::vector<double> Unpacked(const Elements& elements) {
  std::vector<double> values;
  for (std::size_t i = 0; i < elements.size(); ++i) values.push_back(elements[i]);
  return values;
}

/// The bytes of `text`, which must outlive the result.
inline absl::Span<const std::byte> AsBytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_ELEMENTS_H_
