#ifndef CALIPERS_CLIENT_FORMATS_SAFETENSORS_H_
#define CALIPERS_CLIENT_FORMATS_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace calipers::client {

/// A tensor in a file: its description, and a view of its elements, C-contiguous and little-endian.
struct TensorView {
  std::string name;
  std::string dtype;  // its safetensors name; may be a dtype that Calipers does not observe
  std::vector<std::int64_t> shape = {};
  absl::Span<const std::byte> data = {};
};

/// The tensors of a safetensors file, sorted by name. The views point into `file`. INVALID_ARGUMENT
/// if the header is longer than the file or 100 MB, is malformed, or has offsets that are outside
/// the file or do not fit dtype and shape. For an unknown dtype, the offsets alone give the size.
absl::StatusOr<std::vector<TensorView>> ParseSafetensors(absl::Span<const std::byte> file);

/// The texts under "__metadata__", by name; empty if there is no such member. INVALID_ARGUMENT if
/// the header is malformed, or if a value is not a text.
absl::StatusOr<std::map<std::string, std::string>> ParseSafetensorsMetadata(
    absl::Span<const std::byte> file);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_SAFETENSORS_H_
