#ifndef CALIPERS_CORE_TENSOR_TORCH_DTYPE_H_
#define CALIPERS_CORE_TENSOR_TORCH_DTYPE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// PyTorch's name of a dtype, as compressed-tensors writes it, e.g. "torch.float8_e4m3fn".
absl::string_view TorchDtypeName(Dtype dtype);

/// The dtype with this PyTorch name, with or without "torch.". PyTorch's second names ("half",
/// "float", "double", "short", "int", "long") are accepted too. INVALID_ARGUMENT, with `field` and
/// the known dtypes, for any other name: a name that PyTorch does not know, or a dtype in which no
/// scale or zero point is kept here (complex, quantized, boolean, unsigned integers wider than
/// uint8).
absl::StatusOr<Dtype> ParseTorchDtype(absl::string_view field, absl::string_view name);

}  // namespace calipers

#endif  // CALIPERS_CORE_TENSOR_TORCH_DTYPE_H_
