#ifndef CALIPERS_CORE_ARGS_WEIGHTING_H_
#define CALIPERS_CORE_ARGS_WEIGHTING_H_

#include <cstdint>

namespace calipers {

/// How much a record weighs in a moving average.
enum class Weighting : std::uint8_t {
  /// Each record counts once, as in the reference.
  kUniform = 1,
  /// c' = 1 - (1 - c)^n for a record of n observations.
  kNumObservations = 2,
};

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_WEIGHTING_H_
