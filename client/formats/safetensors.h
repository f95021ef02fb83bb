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

/// A tensor that lies in a file: its description, and its elements where they
/// are, C-contiguous and little-endian.
struct TensorView {
  std::string name;
  std::string dtype;  // by its safetensors name; may be one that Calipers does not observe
  std::vector<std::int64_t> shape = {};
  absl::Span<const std::byte> data = {};
};

/// The tensors of a safetensors file, by name. The views point into `file`. All
/// of the header is checked before anything is taken from it: INVALID_ARGUMENT
/// if it is longer than the file or 100 MB, is not the JSON it has to be, or
/// gives offsets that are not in the file or do not fit dtype and shape. A tensor
/// of a dtype that is not known is taken as its offsets say.
absl::StatusOr<std::vector<TensorView>> ParseSafetensors(absl::Span<const std::byte> file);

/// The texts under "__metadata__", by name; none if there is no such member.
/// INVALID_ARGUMENT as above, and if it holds something that is not a text.
absl::StatusOr<std::map<std::string, std::string>> ParseSafetensorsMetadata(
    absl::Span<const std::byte> file);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_SAFETENSORS_H_
