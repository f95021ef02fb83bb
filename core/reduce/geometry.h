#ifndef CALIPERS_CORE_REDUCE_GEOMETRY_H_
#define CALIPERS_CORE_REDUCE_GEOMETRY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/args/arithmetic.h"
#include "core/args/base_name.h"
#include "core/args/quantization_args.h"

namespace calipers {

/// How the elements of a C-contiguous tensor are divided among parameters.
///
/// The tensor is `rows` rows of `row_length` elements. `reduced_outer` consecutive rows share their
/// parameters. Each row is cut into runs of `reduced_inner` elements, and each run has one
/// parameter. If the last rows or the last run are incomplete (only with strategy block), the
/// missing elements are zeros. Element e lies in row r and column c, and belongs to parameter p:
///     r = e / row_length
///     c = e % row_length
///     p = (r / reduced_outer) * kept_inner + c / reduced_inner
struct View {
  std::int64_t rows = 0;
  std::int64_t row_length = 0;
  std::int64_t reduced_outer = 1;  // > 0
  std::int64_t reduced_inner = 1;  // > 0
  std::int64_t kept_outer = 0;     // ceil(rows / reduced_outer)
  std::int64_t kept_inner = 0;     // ceil(row_length / reduced_inner)
  /// The shape of min and max. Its product is num_params(). For a tensor without elements the
  /// product may be larger; such a tensor has no ranges.
  std::vector<std::int64_t> qparam_shape;
  /// The number of observations by the shape: 1 for a weight, else the number of tokens.
  std::int64_t num_observations = 0;

  std::int64_t num_params() const { return kept_outer * kept_inner; }
  std::int64_t num_elements() const { return rows * row_length; }
  /// True if some parameter covers padding.
  bool IsPadded() const { return rows % reduced_outer != 0 || row_length % reduced_inner != 0; }
  /// True if parameter `p` covers padding. Then 0 belongs to its range.
  bool IsPadded(std::int64_t p) const;
};

/// The product of the dimensions. INVALID_ARGUMENT, naming the shape, if a dimension is negative,
/// if there are more than 16 dimensions, or if the product of the dimensions that are not 0 is
/// above 2^56. The last rule ensures that the product of some of the dimensions cannot overflow
/// either.
absl::StatusOr<std::int64_t> NumElements(absl::Span<const std::int64_t> shape);

/// The shape as text for messages, e.g. "[2048, 4000]".
std::string ShapeText(absl::Span<const std::int64_t> shape);

/// The view of a tensor of `shape`, as in llm-compressor's flatten_for_calibration
/// (docs/geometry.md has the table). `arithmetic` matters only for a 2-D input or output under
/// group, tensor_group and token: the reference reduces it to one parameter of shape (); EXACT
/// takes it as tokens x hidden.
///
/// A shape with a dimension of 0 gives num_elements() == 0. INVALID_ARGUMENT if that is a weight,
/// and for everything that the reference refuses: channel on an activation, group on attention, a
/// rank that does not fit, a group_size that does not divide, and so on. The message says what was
/// refused and what is allowed. `args` must come from ResolveQuantizationArgs.
absl::StatusOr<View> MakeView(BaseName base_name, const QuantizationArgs& args,
                              Arithmetic arithmetic, absl::Span<const std::int64_t> shape);

/// INVALID_ARGUMENT if no tensor of `base_name` can have this strategy. The check needs no shape,
/// so it is possible when a session is created.
absl::Status CheckStrategy(BaseName base_name, Strategy strategy);

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_GEOMETRY_H_
