#ifndef CALIPERS_CLIENT_FORMATS_NPY_H_
#define CALIPERS_CLIENT_FORMATS_NPY_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/formats/safetensors.h"

namespace calipers::client {

/// Parses a NumPy .npy file, format versions 1 to 3. The tensor's name is empty, and its data point
/// into `file`. A dtype that Calipers does not observe, such as a big-endian one, has NumPy's name,
/// and the tensor then has no data. INVALID_ARGUMENT if the file is damaged or in Fortran order.
absl::StatusOr<TensorView> ParseNpy(absl::Span<const std::byte> file);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_NPY_H_
