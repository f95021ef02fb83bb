// Per-target code. It is included once for each instruction set, so it has no ordinary guard.
#if defined(CALIPERS_CORE_FOLD_SIMD_LOAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALIPERS_CORE_FOLD_SIMD_LOAD_INL_H_
#undef CALIPERS_CORE_FOLD_SIMD_LOAD_INL_H_
#else
#define CALIPERS_CORE_FOLD_SIMD_LOAD_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/args/arithmetic.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element_load.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Loads as many numbers of type T as D has lanes, from an address of any alignment.
template <typename T, class D>
HWY_INLINE hn::Vec<hn::Rebind<T, D>> LoadAs(D /*d*/, const std::byte* from) {
  const hn::Rebind<T, D> dt;
  HWY_ALIGN T numbers[hn::MaxLanes(dt)];
  std::memcpy(numbers, from, hn::Lanes(dt) * sizeof(T));
  return hn::Load(dt, numbers);
}

// Converts binary16 to float32. A binary16 has the exponent and mantissa of a float32 with another
// bias, except for infinity and NaN. element_load.h does the same for one number.
template <class D>
HWY_INLINE hn::Vec<hn::Rebind<float, D>> WidenF16(D d, const std::byte* from) {
  const hn::Rebind<std::uint32_t, D> bits;
  const hn::Rebind<float, D> floats;
  const auto half = hn::PromoteTo(bits, LoadAs<std::uint16_t>(d, from));
  const auto exponent = hn::Set(bits, 0x7C00U);
  const auto magnitude = hn::ShiftLeft<13>(hn::And(half, hn::Set(bits, 0x7FFFU)));
  const auto number =
      hn::BitCast(bits, hn::Mul(hn::BitCast(floats, magnitude), hn::Set(floats, 0x1p112F)));
  const auto special = hn::Or(magnitude, hn::Set(bits, 0x7F800000U));
  const auto wide = hn::IfThenElse(hn::Eq(hn::And(half, exponent), exponent), special, number);
  const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(bits, 0x8000U)));
  return hn::BitCast(floats, hn::Or(wide, sign));
}

// Loads elements of one dtype as float64. The conversion is exact, except for integers in reference
// arithmetic.
template <Dtype kDtype, Arithmetic kArithmetic>
struct Load {
  static constexpr std::size_t kBytes = kElementBytes<kDtype>;
  using Element = decltype(LoadExactly<kDtype>(nullptr));
  // PyTorch promotes an integer tensor to float32, with one rounding.
  using Entry =
      std::conditional_t<kArithmetic == Arithmetic::kReference && std::is_integral_v<Element>,
                         float, Element>;

  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, const std::byte* from) const {
    if constexpr (kDtype == Dtype::kF64) {
      return LoadAs<double>(d, from);
    } else if constexpr (kDtype == Dtype::kF32) {
      return hn::PromoteTo(d, LoadAs<float>(d, from));
    } else if constexpr (kDtype == Dtype::kBF16) {
      const hn::Rebind<std::uint32_t, D> bits;
      const hn::Rebind<float, D> floats;
      const auto wide = hn::PromoteTo(bits, LoadAs<std::uint16_t>(d, from));
      return hn::PromoteTo(d, hn::BitCast(floats, hn::ShiftLeft<16>(wide)));
    } else if constexpr (kDtype == Dtype::kF16) {
      return hn::PromoteTo(d, WidenF16(d, from));
    } else {
      // Activations of large models have none of these dtypes, so elements are loaded one at a
      // time.
      HWY_ALIGN double numbers[hn::MaxLanes(d)];
      for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
        numbers[i] =
            static_cast<double>(static_cast<Entry>(LoadExactly<kDtype>(from + i * kBytes)));
      }
      return hn::Load(d, numbers);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#endif  // CALIPERS_CORE_FOLD_SIMD_LOAD_INL_H_
