#ifndef CALIPERS_CLIENT_FORMATS_CAPTURE_H_
#define CALIPERS_CLIENT_FORMATS_CAPTURE_H_

#include <cstdint>
#include <map>
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

/// What a captured tensor's name says: which session saw it, and when.
struct CaptureName {
  std::string session_id;  // {module}/{base_name}
  BaseName base_name = BaseName::kWeight;
  std::int64_t index = 0;
};

/// Reads the name of a tensor in a safetensors file (docs/captures.md):
/// MODULE.weight is MODULE/weight at index 0; MODULE/BASE_NAME/INDEX is itself.
/// Nothing for any other name, such as a bias.
std::optional<CaptureName> ParseTensorName(absl::string_view name);

/// Reads the file name of an .npy file: MODULE@BASE_NAME@INDEX.npy, without its
/// folder.
std::optional<CaptureName> ParseNpyName(absl::string_view file_name);

/// One tensor to observe.
struct Capture {
  CaptureName name;
  TensorView tensor;
  /// Keeps the file mapped that the tensor lies in.
  std::shared_ptr<const MappedFile> file = {};
};

/// The captured tensors of one file.
struct CaptureFile {
  std::vector<Capture> captures;
  /// Tensors whose name or dtype is not one that is observed.
  std::vector<std::string> skipped;
  /// Those among them whose dtype is not, by that dtype.
  std::map<std::string, std::vector<std::string>> skipped_dtypes;
};

/// INVALID_ARGUMENT, naming the tensor, if the server allows no session of that
/// name: MODULE is 1 to 512 characters of [A-Za-z0-9_.:/-].
absl::Status CheckModule(const Capture& capture);

/// Opens a .safetensors or .npy file. INVALID_ARGUMENT with the path if it is
/// damaged, or of neither kind, or an .npy file whose name says nothing.
absl::StatusOr<CaptureFile> OpenCaptureFile(const std::string& path);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_CAPTURE_H_
