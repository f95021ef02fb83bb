#include "core/minmax_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/minmax_kernels.cc"
// clang-format off
#include "hwy/foreach_target.h"  // before highway.h: includes this file once a target
#include "hwy/highway.h"
#include "core/minmax-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace calipers {
namespace HWY_NAMESPACE {

// Returns the target it is compiled for, so that what is reported is what ran.
std::int64_t AccumulateOn(Dtype dtype, const std::byte* data, std::size_t count,
                          std::size_t first_run, std::size_t run, std::byte* accumulators) {
  switch (dtype) {
    case Dtype::kF64:
      TakeRuns<SignMagnitudeExtremes<std::uint64_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kF32:
      TakeRuns<SignMagnitudeExtremes<std::uint32_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kF16:
    case Dtype::kBF16:
      TakeRuns<SignMagnitudeExtremes<std::uint16_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kF8E4M3:
    case Dtype::kF8E5M2:
      TakeRuns<SignMagnitudeExtremes<std::uint8_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kI8:
      TakeRuns<IntegerExtremes<std::int8_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kU8:
      TakeRuns<IntegerExtremes<std::uint8_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kI16:
      TakeRuns<IntegerExtremes<std::int16_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kI32:
      TakeRuns<IntegerExtremes<std::int32_t>>(data, count, first_run, run, accumulators);
      break;
    case Dtype::kI64:
      TakeRuns<IntegerExtremes<std::int64_t>>(data, count, first_run, run, accumulators);
      break;
  }
  return HWY_TARGET;
}

}  // namespace HWY_NAMESPACE
}  // namespace calipers
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>
#include <cstring>
#include <limits>

#include "core/element.h"

namespace calipers {
namespace {

HWY_EXPORT(AccumulateOn);

// The one place that chooses a target.
std::int64_t RunKernel(Dtype dtype, const std::byte* data, std::size_t count, std::size_t first_run,
                       std::size_t run, std::byte* accumulators) {
  return HWY_DYNAMIC_DISPATCH(AccumulateOn)(dtype, data, count, first_run, run, accumulators);
}

// An accumulator that holds nothing: the identities of its extremes.
template <typename T>
void Clear(std::int64_t count, bool is_float, std::byte* accumulators) {
  using Unsigned = std::make_unsigned_t<T>;
  using Signed = std::make_signed_t<T>;
  const T triple[3] = {static_cast<T>(std::numeric_limits<Signed>::min()), T{0},
                       static_cast<T>(std::numeric_limits<Unsigned>::max())};
  const T pair[2] = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  const std::size_t bytes = is_float ? sizeof(triple) : sizeof(pair);
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(accumulators + static_cast<std::size_t>(i) * bytes,
                is_float ? static_cast<const void*>(triple) : pair, bytes);
  }
}

// The greatest magnitude that is not NaN: infinity's, or for F8_E4M3, which has
// none, that of the greatest number.
std::uint64_t GreatestMagnitude(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return 0x7FF0000000000000U;
    case Dtype::kF32:
      return 0x7F800000U;
    case Dtype::kF16:
      return 0x7C00U;
    case Dtype::kBF16:
      return 0x7F80U;
    case Dtype::kF8E5M2:
      return 0x7CU;
    default:
      return 0x7EU;
  }
}

template <typename T>
bool FloatRange(Dtype dtype, const std::byte* accumulator, std::byte* min, std::byte* max) {
  constexpr T kSign = static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
  T bits[3];
  std::memcpy(bits, accumulator, sizeof(bits));
  const auto [smax, umax, umin] = bits;
  const T greatest = static_cast<T>(GreatestMagnitude(dtype));
  const bool some_positive = (smax & kSign) == 0;
  const bool some_negative = (umax & kSign) != 0;
  if ((some_positive && smax > greatest) || (some_negative && (umax ^ kSign) > greatest)) {
    StoreElement(dtype, std::numeric_limits<double>::quiet_NaN(), min);
    StoreElement(dtype, std::numeric_limits<double>::quiet_NaN(), max);
    return false;
  }
  const T low = some_negative ? umax : umin;
  const T high = some_positive ? smax : umin;
  std::memcpy(min, &low, sizeof(T));
  std::memcpy(max, &high, sizeof(T));
  return true;
}

}  // namespace

std::size_t AccumulatorBytes(Dtype dtype) { return (IsFloat(dtype) ? 3 : 2) * ByteSize(dtype); }

void ClearAccumulators(Dtype dtype, std::int64_t count, std::byte* accumulators) {
  switch (dtype) {
    case Dtype::kF64:
    case Dtype::kI64:
      return Clear<std::int64_t>(count, IsFloat(dtype), accumulators);
    case Dtype::kF32:
    case Dtype::kI32:
      return Clear<std::int32_t>(count, IsFloat(dtype), accumulators);
    case Dtype::kF16:
    case Dtype::kBF16:
    case Dtype::kI16:
      return Clear<std::int16_t>(count, IsFloat(dtype), accumulators);
    case Dtype::kF8E4M3:
    case Dtype::kF8E5M2:
    case Dtype::kI8:
      return Clear<std::int8_t>(count, IsFloat(dtype), accumulators);
    case Dtype::kU8:
      return Clear<std::uint8_t>(count, IsFloat(dtype), accumulators);
  }
}

void Accumulate(Dtype dtype, const std::byte* data, std::int64_t count, std::int64_t first_run,
                std::int64_t run, std::byte* accumulators) {
  RunKernel(dtype, data, static_cast<std::size_t>(count), static_cast<std::size_t>(first_run),
            static_cast<std::size_t>(run), accumulators);
}

bool AccumulatedRange(Dtype dtype, const std::byte* accumulator, std::byte* min, std::byte* max) {
  if (!IsFloat(dtype)) {
    const std::size_t size = ByteSize(dtype);
    std::memcpy(max, accumulator, size);
    std::memcpy(min, accumulator + size, size);
    return true;
  }
  switch (ByteSize(dtype)) {
    case 8:
      return FloatRange<std::uint64_t>(dtype, accumulator, min, max);
    case 4:
      return FloatRange<std::uint32_t>(dtype, accumulator, min, max);
    case 2:
      return FloatRange<std::uint16_t>(dtype, accumulator, min, max);
    default:
      return FloatRange<std::uint8_t>(dtype, accumulator, min, max);
  }
}

absl::string_view KernelTargetName() {
  return hwy::TargetName(RunKernel(Dtype::kU8, nullptr, 0, 1, 1, nullptr));
}

}  // namespace calipers
#endif  // HWY_ONCE
