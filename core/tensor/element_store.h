#ifndef CALIPERS_CORE_TENSOR_ELEMENT_STORE_H_
#define CALIPERS_CORE_TENSOR_ELEMENT_STORE_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/tensor/dtype.h"
#include "core/tensor/element_load.h"

namespace calipers {

// Stores for loops over elements of one dtype. element_load.h has the loads.

namespace element_store_internal {

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

// 2^exponent, which must be a normal float64.
constexpr double NormalPowerOfTwo(int exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

// The bits of a magnitude. If the magnitude rounds to more than the greatest finite value, the
// result is at least the bits of infinity, or of NaN in a format without infinity.
template <typename F>
std::uint64_t EncodeMagnitude(double magnitude) {
  constexpr int kBias = (1 << (F::kExponentBits - 1)) - 1;
  constexpr int kDropped = 52 - F::kMantissaBits;
  if (magnitude < NormalPowerOfTwo(1 - kBias)) {
    // Below the normal numbers, the unit in the last place is constant. Near kHolder, float64
    // numbers are the same distance apart. So the addition rounds, and the last bits of the sum
    // count the units.
    constexpr double kHolder = NormalPowerOfTwo(52 + 1 - kBias - F::kMantissaBits);
    return std::bit_cast<std::uint64_t>(magnitude + kHolder) -
           std::bit_cast<std::uint64_t>(kHolder);
  }
  // Rounds to nearest, ties to even. A carry out of the mantissa increments the exponent, which
  // gives the correct bits.
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

// `value` as an element of kDtype, of the type that it has in memory.
template <Dtype kDtype>
auto Encoded(double value) {
  using Raw = decltype(element_load_internal::RawOf<kDtype>());
  if constexpr (kDtype == Dtype::kF16) {
    return static_cast<Raw>(Encode<F16Format>(value));
  } else if constexpr (kDtype == Dtype::kBF16) {
    // Most values are already rounded to bfloat16, so they are the upper half of a float32.
    const auto narrow = static_cast<float>(value);
    const auto bits = std::bit_cast<std::uint32_t>(narrow);
    const bool is_upper_half = static_cast<double>(narrow) == value && (bits & 0xFFFFU) == 0;
    return static_cast<Raw>(is_upper_half ? bits >> 16 : Encode<BF16Format>(value));
  } else if constexpr (kDtype == Dtype::kF8E4M3) {
    return static_cast<Raw>(Encode<F8E4M3Format>(value));
  } else if constexpr (kDtype == Dtype::kF8E5M2) {
    return static_cast<Raw>(Encode<F8E5M2Format>(value));
  } else if constexpr (std::numeric_limits<Raw>::has_quiet_NaN) {
    return std::isnan(value) ? std::numeric_limits<Raw>::quiet_NaN() : static_cast<Raw>(value);
  } else {
    return static_cast<Raw>(value);
  }
}

}  // namespace element_store_internal

/// StoreElement for a dtype that is known at compile time.
template <Dtype kDtype>
void StoreAs(double value, std::byte* element) {
  const auto raw = element_store_internal::Encoded<kDtype>(value);
  std::memcpy(element, &raw, sizeof(raw));
}

/// StoreAs for a value that the dtype holds exactly, or for NaN if the dtype has NaN.
template <Dtype kDtype, typename Float>
void StoreExactly(Float value, std::byte* element) {
  if constexpr (kDtype == Dtype::kBF16) {
    constexpr std::uint16_t kNan = 0x7FC0;
    const auto bits =
        static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16);
    const std::uint16_t raw = std::isnan(value) ? kNan : bits;
    std::memcpy(element, &raw, sizeof(raw));
  } else if constexpr (kDtype == Dtype::kI8 || kDtype == Dtype::kU8 || kDtype == Dtype::kI16) {
    // StoreAs would convert to float64, which takes twice as many vectors.
    const auto raw = static_cast<decltype(element_load_internal::RawOf<kDtype>())>(value);
    std::memcpy(element, &raw, sizeof(raw));
  } else {
    StoreAs<kDtype>(value, element);
  }
}

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_ELEMENT_STORE_H_
