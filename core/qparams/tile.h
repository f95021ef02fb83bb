#ifndef CALIPERS_CORE_QPARAMS_TILE_H_
#define CALIPERS_CORE_QPARAMS_TILE_H_

#include <array>
#include <cstddef>

namespace calipers {

/// Parameters that are computed side by side: each step of the rule is a loop over one of
/// these, as long as the compiler knows beforehand, which makes vectors of it.
inline constexpr std::size_t kTile = 64;
template <typename T>
using Tile = std::array<T, kTile>;

}  // namespace calipers

#endif  // CALIPERS_CORE_QPARAMS_TILE_H_
