#include "core/element.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/element_load.h"

namespace calipers {
namespace {

// The layout of a floating-point type that the processor does not round to.
struct Format {
  int mantissa_bits;
  int exponent_bits;
  bool has_infinity;
};

Format FormatOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF16:
      return {10, 5, true};
    case Dtype::kBF16:
      return {7, 8, true};
    case Dtype::kF8E4M3:
      return {3, 4, false};
    default:
      return {2, 5, true};
  }
}

// The bits of `value` in `format`. Works on the magnitude as a multiple of the
// unit in the last place, which float64 holds exactly, so that it rounds once.
std::uint64_t Encode(double value, Format format) {
  const int m = format.mantissa_bits;
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const std::uint64_t sign = std::uint64_t{std::signbit(value)} << (m + format.exponent_bits);
  const std::uint64_t all_ones = (std::uint64_t{1} << (m + format.exponent_bits)) - 1;
  const std::uint64_t infinity = all_ones >> m << m;
  const std::uint64_t nan = format.has_infinity ? infinity | std::uint64_t{1} << (m - 1) : all_ones;
  if (std::isnan(value)) return nan;
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  // Normal numbers have their leading bit at `exponent - 1`; below that of the
  // smallest one the unit stays.
  const int lead = std::max(exponent - 1, 1 - bias);
  const double units = std::nearbyint(std::ldexp(magnitude, m - lead));
  const bool overflow = std::isinf(value) || lead > bias + 1;
  // A carry out of the mantissa runs into the exponent, where it belongs.
  const std::uint64_t bits = overflow ? all_ones
                                      : static_cast<std::uint64_t>(units) +
                                            (static_cast<std::uint64_t>(lead + bias - 1) << m);
  if (format.has_infinity) return sign | std::min(bits, infinity);
  return bits >= all_ones ? nan : sign | bits;
}

template <typename T>
void Put(T value, std::byte* element) {
  std::memcpy(element, &value, sizeof(value));
}

}  // namespace

double LoadElement(Dtype dtype, const std::byte* element) {
  double value = 0;
  VisitDtype(dtype, [&](auto constant) {
    value = static_cast<double>(LoadExactly<decltype(constant)::value>(element));
  });
  return value;
}

void StoreElement(Dtype dtype, double value, std::byte* element) {
  switch (dtype) {
    case Dtype::kF64:
      return Put(std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value, element);
    case Dtype::kF32:
      return Put(
          std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(value),
          element);
    case Dtype::kF16:
    case Dtype::kBF16:
      return Put(static_cast<std::uint16_t>(Encode(value, FormatOf(dtype))), element);
    case Dtype::kF8E4M3:
    case Dtype::kF8E5M2:
      return Put(static_cast<std::uint8_t>(Encode(value, FormatOf(dtype))), element);
    case Dtype::kI8:
      return Put(static_cast<std::int8_t>(value), element);
    case Dtype::kU8:
      return Put(static_cast<std::uint8_t>(value), element);
    case Dtype::kI16:
      return Put(static_cast<std::int16_t>(value), element);
    case Dtype::kI32:
      return Put(static_cast<std::int32_t>(value), element);
    case Dtype::kI64:
      return Put(static_cast<std::int64_t>(value), element);
  }
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
