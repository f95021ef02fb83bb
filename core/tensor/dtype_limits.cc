#include "core/tensor/dtype_limits.h"

#include <cstdint>
#include <limits>

namespace calipers {
namespace {

template <typename T>
DtypeLimits OfFloat() {
  using Limits = std::numeric_limits<T>;
  return {Limits::lowest(), Limits::max(), Limits::epsilon(), Limits::denorm_min(), Limits::min()};
}

template <typename T>
DtypeLimits OfInteger() {
  using Limits = std::numeric_limits<T>;
  return {static_cast<double>(Limits::min()), static_cast<double>(Limits::max()), 1, 1, 1};
}

}  // namespace

DtypeLimits LimitsOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return OfFloat<double>();
    case Dtype::kF32:
      return OfFloat<float>();
    case Dtype::kF16:
      return {-65504.0, 65504.0, 0x1p-10, 0x1p-24, 0x1p-14};
    case Dtype::kBF16:
      return {-0x1.FEp127, 0x1.FEp127, 0x1p-7, 0x1p-133, 0x1p-126};
    case Dtype::kF8E4M3:
      return {-448.0, 448.0, 0x1p-3, 0x1p-9, 0x1p-6};
    case Dtype::kF8E5M2:
      return {-57344.0, 57344.0, 0x1p-2, 0x1p-16, 0x1p-14};
    case Dtype::kI8:
      return OfInteger<std::int8_t>();
    case Dtype::kU8:
      return OfInteger<std::uint8_t>();
    case Dtype::kI16:
      return OfInteger<std::int16_t>();
    case Dtype::kI32:
      return OfInteger<std::int32_t>();
    case Dtype::kI64:
      return OfInteger<std::int64_t>();
  }
  return {};
}

}  // namespace calipers
