#ifndef CALIPERS_CORE_REDUCE_SIMD_PIECE_H_
#define CALIPERS_CORE_REDUCE_SIMD_PIECE_H_

#include <cstddef>

namespace calipers {

/// Rows of a tensor, or a part of one, and the parameters that they go to.
struct Piece {
  const std::byte* data;
  std::size_t rows;       ///< One behind the other; all go to the same parameters.
  std::size_t count;      ///< Elements a row.
  std::size_t param;      ///< The first element's.
  std::size_t first_run;  ///< Elements of the first parameter; positive.
  std::size_t run;        ///< Elements of each after it, but for the last.
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_SIMD_PIECE_H_
