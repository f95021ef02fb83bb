#ifndef CALIPERS_CORE_ARGS_ARITHMETIC_H_
#define CALIPERS_CORE_ARGS_ARITHMETIC_H_

#include <cstdint>

namespace calipers {

/// How a fold rounds. Values are stored; they must not change.
enum class Arithmetic : std::uint8_t {
  /// Every operation is in float64. The answer is rounded once, to float32.
  kExact = 1,
  /// Every operation is rounded to the observed dtype, as in llm-compressor on a current PyTorch.
  kReference = 2,
};

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_ARITHMETIC_H_
