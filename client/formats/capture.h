#ifndef CALIPERS_CLIENT_FORMATS_CAPTURE_H_
#define CALIPERS_CLIENT_FORMATS_CAPTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/formats/mapped_file.h"
#include "client/formats/safetensors.h"
#include "core/args/base_name.h"

namespace calipers::client {

/// The session and the index in the name of a captured tensor.
struct CaptureName {
  std::string session_id;  // {module}/{base_name}
  BaseName base_name = BaseName::kWeight;
  std::int64_t index = 0;
};

/// Parses the name of a tensor in a safetensors file (docs/captures.md). MODULE.weight means
/// session MODULE/weight at index 0. MODULE/BASE_NAME/INDEX means session MODULE/BASE_NAME at
/// INDEX. nullopt for any other name, for example that of a bias.
std::optional<CaptureName> ParseTensorName(absl::string_view name);

/// Parses the file name of an .npy file: MODULE@BASE_NAME@INDEX.npy. Ignores the folder. nullopt
/// for any other name.
std::optional<CaptureName> ParseNpyName(absl::string_view file_name);

/// One tensor to observe.
struct Capture {
  CaptureName name;
  TensorView tensor;
  /// Keeps the tensor's file mapped.
  std::shared_ptr<const MappedFile> file = {};
};

/// A tensor that is not observed.
struct SkippedTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  /// True if the dtype is not observed; else the name is no name of a captured tensor.
  bool for_dtype = false;
};

/// The captured tensors of one file.
struct CaptureFile {
  std::vector<Capture> captures;
  std::vector<SkippedTensor> skipped;
};

/// INVALID_ARGUMENT, naming the tensor, if the server does not allow its module name: 1 to 512
/// characters of [A-Za-z0-9_.:/-].
absl::Status CheckModule(const Capture& capture);

/// Opens a .safetensors or .npy file. INVALID_ARGUMENT, with the path, if the file is damaged or of
/// another type or is a pointer of Git LFS, if ParseNpyName does not accept the name of an .npy
/// file, or if a weight is stored quantized: its elements are not F64, F32, F16 or BF16, and its
/// scale is in the file.
absl::StatusOr<CaptureFile> OpenCaptureFile(const std::string& path);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_CAPTURE_H_
