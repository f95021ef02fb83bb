#include "core/tensor/dtype.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace calipers {

absl::string_view DtypeName(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return "F64";
    case Dtype::kF32:
      return "F32";
    case Dtype::kF16:
      return "F16";
    case Dtype::kBF16:
      return "BF16";
    case Dtype::kF8E4M3:
      return "F8_E4M3";
    case Dtype::kF8E5M2:
      return "F8_E5M2";
    case Dtype::kI8:
      return "I8";
    case Dtype::kU8:
      return "U8";
    case Dtype::kI16:
      return "I16";
    case Dtype::kI32:
      return "I32";
    case Dtype::kI64:
      return "I64";
  }
  return "?";
}

absl::StatusOr<Dtype> ParseDtype(absl::string_view name) {
  for (Dtype dtype : kAllDtypes) {
    if (DtypeName(dtype) == name) return dtype;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("dtype \"", name.substr(0, 64), "\" is not one of ",
                   absl::StrJoin(kAllDtypes, ", ", [](std::string* out, Dtype dtype) {
                     absl::StrAppend(out, DtypeName(dtype));
                   })));
}

std::size_t ByteSize(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
    case Dtype::kI64:
      return 8;
    case Dtype::kF32:
    case Dtype::kI32:
      return 4;
    case Dtype::kF16:
    case Dtype::kBF16:
    case Dtype::kI16:
      return 2;
    default:
      return 1;
  }
}

bool IsFloat(Dtype dtype) { return dtype <= Dtype::kF8E5M2; }
bool IsFloat8(Dtype dtype) { return dtype == Dtype::kF8E4M3 || dtype == Dtype::kF8E5M2; }

}  // namespace calipers
