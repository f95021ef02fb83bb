#ifndef CALIPERS_CORE_TENSOR_ELEMENT_H_
#define CALIPERS_CORE_TENSOR_ELEMENT_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// The value of the element at `element`, which is little-endian and need not be aligned. The value
/// is exact, except for I64 beyond 2^53: there it is rounded to nearest, ties to even.
double LoadElement(Dtype dtype, const std::byte* element);

/// Writes `value` as one element. Floats: rounds to nearest, ties to even; overflow gives infinity,
/// or NaN in F8_E4M3, which has no infinity; NaN is written in its canonical form (positive, quiet,
/// no payload). Integers: `value` must be in range; the fraction is dropped.
void StoreElement(Dtype dtype, double value, std::byte* element);

/// IsNan: true if the element is NaN. IsInf: true if it is plus or minus infinity. Both are false
/// for integers.
bool IsNan(Dtype dtype, const std::byte* element);
bool IsInf(Dtype dtype, const std::byte* element);

/// Compares two elements that are not NaN. Returns a negative number, 0 or a positive number. -0.0
/// is below +0.0. Exact for I64 too.
int CompareElements(Dtype dtype, const std::byte* a, const std::byte* b);

/// Elements of one dtype, packed, little-endian.
struct Elements {
  Dtype dtype = Dtype::kF32;
  std::vector<std::byte> bytes;

  std::size_t size() const { return bytes.size() / ByteSize(dtype); }
  double operator[](std::size_t i) const {
    return LoadElement(dtype, bytes.data() + i * ByteSize(dtype));
  }
  friend bool operator==(const Elements&, const Elements&) = default;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_ELEMENT_H_
