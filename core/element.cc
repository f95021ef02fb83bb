#include "core/element.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/element_load.h"

namespace calipers {
namespace {

// The layout of a floating-point type narrower than float32.
template <int kMantissa, int kExponent, bool kInfinity>
struct Format {
  static constexpr int kMantissaBits = kMantissa;
  static constexpr int kExponentBits = kExponent;
  static constexpr bool kHasInfinity = kInfinity;
};
using F16Format = Format<10, 5, true>;
using BF16Format = Format<7, 8, true>;
using F8E4M3Format = Format<3, 4, false>;
using F8E5M2Format = Format<2, 5, true>;

// 2^exponent, of a normal float64.
constexpr double PowerOfTwo(int exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

// The bits of a magnitude that may be above the greatest: then at least those of infinity, or
// of NaN where there is none.
template <typename F>
std::uint64_t EncodeMagnitude(double magnitude) {
  constexpr int kBias = (1 << (F::kExponentBits - 1)) - 1;
  constexpr int kDropped = 52 - F::kMantissaBits;
  if (magnitude < PowerOfTwo(1 - kBias)) {
    // Below the normal numbers the unit in the last place stays. The float64 next to this
    // number are as far apart, so the addition rounds, and its last bits count the units.
    constexpr double kHolder = PowerOfTwo(52 + 1 - kBias - F::kMantissaBits);
    return std::bit_cast<std::uint64_t>(magnitude + kHolder) -
           std::bit_cast<std::uint64_t>(kHolder);
  }
  // To the nearest, ties to even. A carry out of the mantissa runs into the exponent, where
  // it belongs.
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(magnitude);
  const std::uint64_t half = (std::uint64_t{1} << (kDropped - 1)) - 1;
  const std::uint64_t rounded = (bits + half + (bits >> kDropped & 1U)) >> kDropped;
  return rounded - (static_cast<std::uint64_t>(1023 - kBias) << F::kMantissaBits);
}

template <typename F>
std::uint64_t Encode(double value) {
  constexpr int kBits = F::kMantissaBits + F::kExponentBits;
  constexpr std::uint64_t kAllOnes = (std::uint64_t{1} << kBits) - 1;
  constexpr std::uint64_t kInfinity = kAllOnes >> F::kMantissaBits << F::kMantissaBits;
  constexpr std::uint64_t kNan =
      F::kHasInfinity ? kInfinity | std::uint64_t{1} << (F::kMantissaBits - 1) : kAllOnes;
  if (std::isnan(value)) return kNan;
  const std::uint64_t sign = std::uint64_t{std::signbit(value)} << kBits;
  const std::uint64_t bits = EncodeMagnitude<F>(std::fabs(value));
  if (F::kHasInfinity) return sign | std::min(bits, kInfinity);
  return bits >= kAllOnes ? kNan : sign | bits;
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
      return Put(static_cast<std::uint16_t>(Encode<F16Format>(value)), element);
    case Dtype::kBF16:
      return Put(static_cast<std::uint16_t>(Encode<BF16Format>(value)), element);
    case Dtype::kF8E4M3:
      return Put(static_cast<std::uint8_t>(Encode<F8E4M3Format>(value)), element);
    case Dtype::kF8E5M2:
      return Put(static_cast<std::uint8_t>(Encode<F8E5M2Format>(value)), element);
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
