#ifndef CALIPERS_CORE_TENSOR_ELEMENT_H_
#define CALIPERS_CORE_TENSOR_ELEMENT_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// The value of one element, little-endian at `element`, which need not be
/// aligned. Exact but for I64 beyond 2^53, which rounds to nearest even.
double LoadElement(Dtype dtype, const std::byte* element);

/// Writes `value` as one element: rounded to nearest even, overflow to
/// infinity (F8_E4M3, which has none: to NaN), NaN in its canonical form
/// (positive, quiet, no payload). Integers: `value` must be in range; the
/// fraction is dropped.
void StoreElement(Dtype dtype, double value, std::byte* element);

/// True if the element is NaN (never for integers) / plus or minus infinity.
bool IsNan(Dtype dtype, const std::byte* element);
bool IsInf(Dtype dtype, const std::byte* element);

/// Three-way order of two elements that are not NaN: negative, 0 or positive.
/// -0.0 is below +0.0. Exact for I64 too.
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
