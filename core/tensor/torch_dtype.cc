#include "core/tensor/torch_dtype.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace calipers {
namespace {

struct SecondName {
  absl::string_view name;
  Dtype dtype;
};

constexpr SecondName kSecondNames[] = {
    {"double", Dtype::kF64}, {"float", Dtype::kF32}, {"half", Dtype::kF16},
    {"short", Dtype::kI16},  {"int", Dtype::kI32},   {"long", Dtype::kI64},
};

}  // namespace

absl::string_view TorchDtypeName(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return "torch.float64";
    case Dtype::kF32:
      return "torch.float32";
    case Dtype::kF16:
      return "torch.float16";
    case Dtype::kBF16:
      return "torch.bfloat16";
    case Dtype::kF8E4M3:
      return "torch.float8_e4m3fn";
    case Dtype::kF8E5M2:
      return "torch.float8_e5m2";
    case Dtype::kI8:
      return "torch.int8";
    case Dtype::kU8:
      return "torch.uint8";
    case Dtype::kI16:
      return "torch.int16";
    case Dtype::kI32:
      return "torch.int32";
    case Dtype::kI64:
      return "torch.int64";
  }
  return "?";
}

absl::StatusOr<Dtype> ParseTorchDtype(absl::string_view field, absl::string_view name) {
  const absl::string_view bare = absl::StripPrefix(name, "torch.");
  for (const Dtype dtype : kAllDtypes) {
    if (absl::StripPrefix(TorchDtypeName(dtype), "torch.") == bare) return dtype;
  }
  for (const SecondName& second : kSecondNames) {
    if (second.name == bare) return second.dtype;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      field, " \"", name.substr(0, 64), "\" is not known (allowed: ",
      absl::StrJoin(
          kAllDtypes, ", ",
          [](std::string* out, Dtype dtype) { absl::StrAppend(out, TorchDtypeName(dtype)); }),
      ")"));
}

}  // namespace calipers
