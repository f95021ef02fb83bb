#include "core/args/base_name.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace calipers {

absl::string_view BaseNameText(BaseName base_name) {
  switch (base_name) {
    case BaseName::kWeight:
      return "weight";
    case BaseName::kInput:
      return "input";
    case BaseName::kOutput:
      return "output";
    case BaseName::kQ:
      return "q";
    case BaseName::kK:
      return "k";
    case BaseName::kV:
      return "v";
  }
  return "?";
}

absl::StatusOr<BaseName> ParseBaseName(absl::string_view text) {
  for (const BaseName base_name : kAllBaseNames) {
    if (BaseNameText(base_name) == text) return base_name;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("base name \"", text, "\" is not known (allowed: ",
                   absl::StrJoin(kAllBaseNames, ", ",
                                 [](std::string* out, BaseName base_name) {
                                   absl::StrAppend(out, BaseNameText(base_name));
                                 }),
                   ")"));
}

}  // namespace calipers
