#ifndef CALIPERS_CORE_TENSOR_ELEMENT_LOAD_H_
#define CALIPERS_CORE_TENSOR_ELEMENT_LOAD_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/tensor/dtype.h"

namespace calipers {

// Loads for loops over elements of one dtype. The dtype is a template argument, so it is selected
// once per loop and not once per element.

/// A dtype as a type.
template <Dtype kDtype>
using DtypeConstant = std::integral_constant<Dtype, kDtype>;

/// Calls `visitor` with the DtypeConstant of `dtype`.
template <typename Visitor>
void VisitDtype(Dtype dtype, Visitor&& visitor) {
  switch (dtype) {
    case Dtype::kF64:
      return visitor(DtypeConstant<Dtype::kF64>());
    case Dtype::kF32:
      return visitor(DtypeConstant<Dtype::kF32>());
    case Dtype::kF16:
      return visitor(DtypeConstant<Dtype::kF16>());
    case Dtype::kBF16:
      return visitor(DtypeConstant<Dtype::kBF16>());
    case Dtype::kF8E4M3:
      return visitor(DtypeConstant<Dtype::kF8E4M3>());
    case Dtype::kF8E5M2:
      return visitor(DtypeConstant<Dtype::kF8E5M2>());
    case Dtype::kI8:
      return visitor(DtypeConstant<Dtype::kI8>());
    case Dtype::kU8:
      return visitor(DtypeConstant<Dtype::kU8>());
    case Dtype::kI16:
      return visitor(DtypeConstant<Dtype::kI16>());
    case Dtype::kI32:
      return visitor(DtypeConstant<Dtype::kI32>());
    case Dtype::kI64:
      return visitor(DtypeConstant<Dtype::kI64>());
  }
}

namespace element_load_internal {

// A value of the type that an element has in memory: the C++ type of the dtype if there is one,
// else an unsigned integer that holds the element's bits.
template <Dtype kDtype>
auto RawOf() {
  if constexpr (kDtype == Dtype::kF64) return double{};
  if constexpr (kDtype == Dtype::kF32) return float{};
  if constexpr (kDtype == Dtype::kF16 || kDtype == Dtype::kBF16) return std::uint16_t{};
  if constexpr (kDtype == Dtype::kF8E4M3 || kDtype == Dtype::kF8E5M2) return std::uint8_t{};
  if constexpr (kDtype == Dtype::kI8) return std::int8_t{};
  if constexpr (kDtype == Dtype::kU8) return std::uint8_t{};
  if constexpr (kDtype == Dtype::kI16) return std::int16_t{};
  if constexpr (kDtype == Dtype::kI32) return std::int32_t{};
  if constexpr (kDtype == Dtype::kI64) return std::int64_t{};
}

// Converts a binary16. Its exponent and mantissa bits are moved to their places in a float32. That
// gives the value times 2^-112, because the exponent biases are 15 and 127; this holds for
// subnormals too. Infinity and NaN have all exponent bits set in both formats.
inline float WidenF16(std::uint16_t bits) {
  constexpr float kBias = 0x1p112F;
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t magnitude = (bits & 0x7FFFU) << 13;
  const std::uint32_t wide =
      (bits & 0x7C00U) == 0x7C00U
          ? magnitude | 0x7F800000U
          : std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * kBias);
  return std::bit_cast<float>(sign | wide);
}

// As WidenF16, with an exponent bias of 7. F8_E4M3 has no infinity, and only the magnitude with all
// bits set is NaN.
inline float WidenF8E4M3(std::uint8_t bits) {
  constexpr float kBias = 0x1p120F;
  const std::uint32_t sign = (bits & 0x80U) << 24;
  const std::uint32_t magnitude = (bits & 0x7FU) << 20;
  const std::uint32_t wide =
      (bits & 0x7FU) == 0x7FU
          ? 0x7FC00000U
          : std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * kBias);
  return std::bit_cast<float>(sign | wide);
}

}  // namespace element_load_internal

/// The size of an element in bytes.
template <Dtype kDtype>
inline constexpr std::size_t kElementBytes = sizeof(element_load_internal::RawOf<kDtype>());

/// The element at `element`, which need not be aligned, in the smallest C++
/// type that holds all values of its dtype.
template <Dtype kDtype>
auto LoadExactly(const std::byte* element) {
  namespace internal = element_load_internal;
  static_assert(std::endian::native == std::endian::little);
  decltype(internal::RawOf<kDtype>()) raw;
  std::memcpy(&raw, element, sizeof(raw));
  if constexpr (kDtype == Dtype::kF16) {
    return internal::WidenF16(raw);
  } else if constexpr (kDtype == Dtype::kBF16) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(raw) << 16);
  } else if constexpr (kDtype == Dtype::kF8E4M3) {
    return internal::WidenF8E4M3(raw);
  } else if constexpr (kDtype == Dtype::kF8E5M2) {
    // F8_E5M2 has the layout of the upper byte of a binary16.
    return internal::WidenF16(static_cast<std::uint16_t>(raw << 8));
  } else {
    return raw;
  }
}

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_ELEMENT_LOAD_H_
