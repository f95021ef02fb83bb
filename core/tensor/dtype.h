#ifndef CALIPERS_CORE_TENSOR_DTYPE_H_
#define CALIPERS_CORE_TENSOR_DTYPE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace calipers {

/// Element types, with the names of safetensors. The values are stored and must not change.
enum class Dtype : std::uint8_t {
  kF64 = 0,
  kF32 = 1,
  kF16 = 2,
  kBF16 = 3,
  kF8E4M3 = 4,
  kF8E5M2 = 5,
  kI8 = 6,
  kU8 = 7,
  kI16 = 8,
  kI32 = 9,
  kI64 = 10,
};

inline constexpr std::array<Dtype, 11> kAllDtypes = {
    Dtype::kF64, Dtype::kF32, Dtype::kF16, Dtype::kBF16, Dtype::kF8E4M3, Dtype::kF8E5M2,
    Dtype::kI8,  Dtype::kU8,  Dtype::kI16, Dtype::kI32,  Dtype::kI64};

/// The dtype's name in safetensors, e.g. "F8_E4M3".
absl::string_view DtypeName(Dtype dtype);

/// The dtype with this safetensors name, in exactly this spelling. INVALID_ARGUMENT, with the known
/// names, for any other name.
absl::StatusOr<Dtype> ParseDtype(absl::string_view name);

/// The size of an element in bytes: 1, 2, 4 or 8.
std::size_t ByteSize(Dtype dtype);

/// True for the six floating-point types.
bool IsFloat(Dtype dtype);

/// True for the two 8-bit floating-point types, which PyTorch does not reduce.
bool IsFloat8(Dtype dtype);

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_DTYPE_H_
