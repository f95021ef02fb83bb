#include "client/formats/capture.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/formats/as_bytes.h"
#include "client/formats/npy.h"
#include "client/formats/quoted.h"
#include "core/status_macros.h"
#include "core/tensor/dtype.h"

namespace calipers::client {
namespace {

constexpr std::size_t kMaxModule = 512;

// Parses MODULE, BASE_NAME and INDEX with `separator` between them.
std::optional<CaptureName> ParseParts(absl::string_view name, char separator) {
  const std::size_t last = name.rfind(separator);
  if (last == absl::string_view::npos || last == 0) return std::nullopt;
  const std::size_t middle = name.rfind(separator, last - 1);
  if (middle == absl::string_view::npos || middle == 0) return std::nullopt;
  const auto base_name = ParseBaseName(name.substr(middle + 1, last - middle - 1));
  CaptureName parsed;
  if (!base_name.ok() || !absl::SimpleAtoi(name.substr(last + 1), &parsed.index) ||
      parsed.index < 0) {
    return std::nullopt;
  }
  parsed.base_name = *base_name;
  parsed.session_id = absl::StrCat(name.substr(0, middle), "/", BaseNameText(*base_name));
  return parsed;
}

void Sort(std::vector<TensorView> tensors, const std::shared_ptr<const MappedFile>& mapped,
          CaptureFile& file) {
  for (TensorView& tensor : tensors) {
    std::optional<CaptureName> name = ParseTensorName(tensor.name);
    const bool known = ParseDtype(tensor.dtype).ok();
    if (name && known) {
      file.captures.push_back({*std::move(name), std::move(tensor), mapped});
      continue;
    }
    file.skipped.push_back(
        {std::move(tensor.name), std::move(tensor.dtype), std::move(tensor.shape), !known});
  }
}

// True for the short text that Git LFS leaves in place of a large file until `git lfs pull`.
bool IsLfsPointer(absl::Span<const std::byte> bytes) {
  constexpr absl::string_view kBegin = "version https://git-lfs.github.com/spec/";
  return absl::StartsWith(AsText(bytes), kBegin);
}

bool IsWideFloat(absl::string_view dtype) {
  return dtype == "F64" || dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

// A range of quantized values is no range of the weight.
absl::Status CheckNotQuantized(const std::vector<TensorView>& tensors) {
  absl::flat_hash_set<absl::string_view> names;
  for (const TensorView& tensor : tensors) names.insert(tensor.name);
  for (const TensorView& tensor : tensors) {
    if (!absl::EndsWith(tensor.name, ".weight") || IsWideFloat(tensor.dtype)) continue;
    for (const char* const suffix : {"_scale_inv", "_scale"}) {
      const std::string scale = absl::StrCat(tensor.name, suffix);
      if (!names.contains(scale)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor ", Quoted(tensor.name), " is stored quantized (", tensor.dtype,
          "), with its scale in ", Quoted(scale),
          ": observe the checkpoint before quantization, or load and save it with its weights "
          "decompressed (transformers: run_compressed=False or dequantize=True)"));
    }
  }
  return absl::OkStatus();
}

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

std::optional<CaptureName> ParseTensorName(absl::string_view name) {
  if (absl::string_view module = name; absl::ConsumeSuffix(&module, ".weight") && !module.empty()) {
    return CaptureName{absl::StrCat(module, "/weight"), BaseName::kWeight, 0};
  }
  return ParseParts(name, '/');
}

std::optional<CaptureName> ParseNpyName(absl::string_view file_name) {
  if (!absl::ConsumeSuffix(&file_name, ".npy")) return std::nullopt;
  return ParseParts(file_name.substr(file_name.rfind('/') + 1), '@');
}

absl::Status CheckModule(const Capture& capture) {
  const absl::string_view id = capture.name.session_id;
  const absl::string_view module = id.substr(0, id.rfind('/'));
  const bool allowed = std::all_of(module.begin(), module.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("_.:/-", c);
  });
  if (allowed && !module.empty() && module.size() <= kMaxModule) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("tensor ", Quoted(capture.tensor.name),
                                                 ": its module ", Quoted(module), " is not 1 to ",
                                                 kMaxModule, " characters of [A-Za-z0-9_.:/-]"));
}

absl::StatusOr<CaptureFile> OpenCaptureFile(const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile opened, MappedFile::Open(path));
  const auto mapped = std::make_shared<const MappedFile>(std::move(opened));
  if (IsLfsPointer(mapped->bytes())) {
    return InFile(path, absl::InvalidArgumentError(
                            "it is a pointer of Git LFS, not the file (git lfs pull gets it)"));
  }
  CaptureFile file;
  if (absl::EndsWith(path, ".safetensors")) {
    auto tensors = ParseSafetensors(mapped->bytes());
    if (!tensors.ok()) return InFile(path, tensors.status());
    if (const absl::Status status = CheckNotQuantized(*tensors); !status.ok()) {
      return InFile(path, status);
    }
    Sort(*std::move(tensors), mapped, file);
    return file;
  }
  if (!absl::EndsWith(path, ".npy")) {
    return InFile(path, absl::InvalidArgumentError("neither a .safetensors nor an .npy file"));
  }
  std::optional<CaptureName> name = ParseNpyName(path);
  if (!name) {
    return InFile(path, absl::InvalidArgumentError(
                            "the file name is not MODULE@BASE_NAME@INDEX.npy, with BASE_NAME "
                            "weight, input, output, q, k or v"));
  }
  absl::StatusOr<TensorView> tensor = ParseNpy(mapped->bytes());
  if (!tensor.ok()) return InFile(path, tensor.status());
  if (ParseDtype(tensor->dtype).ok()) {
    file.captures.push_back({*std::move(name), *std::move(tensor), mapped});
  } else {
    file.skipped.push_back({path, tensor->dtype, tensor->shape, true});
  }
  return file;
}

}  // namespace calipers::client
