#ifndef CALIPERS_CORE_ARGS_ARITHMETIC_H_
#define CALIPERS_CORE_ARGS_ARITHMETIC_H_

#include <cstdint>

namespace calipers {

/// How a fold rounds. Values are stored; they must not change.
enum class Arithmetic : std::uint8_t {
  /// float64 throughout; rounded once, to float32, when asked.
  kExact = 1,
  /// Every operation rounded to the observed dtype, as llm-compressor on a
  /// current PyTorch.
  kReference = 2,
};

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_ARITHMETIC_H_
