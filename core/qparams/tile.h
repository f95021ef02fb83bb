#ifndef CALIPERS_CORE_QPARAMS_TILE_H_
#define CALIPERS_CORE_QPARAMS_TILE_H_

#include <array>
#include <cstddef>

namespace calipers {

/// The number of parameters that are computed together. Each step of the rule is a loop over a
/// Tile. The compiler knows the length of that loop, so the loop becomes vectors.
inline constexpr std::size_t kTile = 64;
template <typename T>
using Tile = std::array<T, kTile>;

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_TILE_H_
