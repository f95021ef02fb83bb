#ifndef CALIPERS_CORE_ARGS_BASE_NAME_H_
#define CALIPERS_CORE_ARGS_BASE_NAME_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace calipers {

/// The tensor of a module that is observed, with llm-compressor's name. Values are stored; they
/// must not change.
enum class BaseName : std::uint8_t { kWeight = 1, kInput = 2, kOutput = 3, kQ = 4, kK = 5, kV = 6 };

inline constexpr std::array<BaseName, 6> kAllBaseNames = {BaseName::kWeight, BaseName::kInput,
                                                          BaseName::kOutput, BaseName::kQ,
                                                          BaseName::kK,      BaseName::kV};

/// "weight", "input", "output", "q", "k" or "v".
absl::string_view BaseNameText(BaseName base_name);
absl::StatusOr<BaseName> ParseBaseName(absl::string_view text);

/// The reference reshapes these three families in different ways.
inline bool IsWeight(BaseName b) { return b == BaseName::kWeight; }
inline bool IsActivation(BaseName b) { return b == BaseName::kInput || b == BaseName::kOutput; }
inline bool IsAttention(BaseName b) { return !IsWeight(b) && !IsActivation(b); }

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_BASE_NAME_H_
