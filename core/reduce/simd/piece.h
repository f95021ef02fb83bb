#ifndef CALIPERS_CORE_REDUCE_SIMD_PIECE_H_
#define CALIPERS_CORE_REDUCE_SIMD_PIECE_H_

#include <cstddef>

namespace calipers {

/// Rows of a tensor, or a part of one row, and their parameters.
struct Piece {
  const std::byte* data;
  std::size_t rows;       ///< Rows lie one after the other; all have the same parameters.
  std::size_t count;      ///< Elements per row.
  std::size_t param;      ///< The parameter of the first element.
  std::size_t first_run;  ///< Elements of the first parameter; positive.
  std::size_t run;        ///< Elements of each further parameter; the last may have fewer.
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_SIMD_PIECE_H_
