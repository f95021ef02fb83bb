#ifndef CALIPERS_CORE_MINMAX_PIECE_H_
#define CALIPERS_CORE_MINMAX_PIECE_H_

#include <cstddef>

namespace calipers {

/// Elements of one row of a tensor, and the parameters that they go to.
struct Piece {
  const std::byte* data;
  std::size_t count;      ///< Elements.
  std::size_t param;      ///< The first element's.
  std::size_t first_run;  ///< Elements of the first parameter; positive.
  std::size_t run;        ///< Elements of each after it, but for the last.
};

}  // namespace calipers

#endif  // CALIPERS_CORE_MINMAX_PIECE_H_
