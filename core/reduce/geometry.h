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

/// How a C-contiguous tensor falls into parameters.
///
/// The tensor is `rows` rows of `row_length` elements. `reduced_outer`
/// consecutive rows share their parameters; a row is cut into runs of
/// `reduced_inner` elements, one parameter each. Where the last rows or the
/// last run fall short (block strategy alone), the missing elements are zeros.
/// Element e lies in row r = e / row_length at column c = e % row_length and
/// belongs to parameter
///     (r / reduced_outer) * kept_inner + c / reduced_inner.
struct View {
  std::int64_t rows = 0;
  std::int64_t row_length = 0;
  std::int64_t reduced_outer = 1;  // > 0
  std::int64_t reduced_inner = 1;  // > 0
  std::int64_t kept_outer = 0;     // ceil(rows / reduced_outer)
  std::int64_t kept_inner = 0;     // ceil(row_length / reduced_inner)
  /// Shape of min and max; its product is num_params(), but for a tensor without
  /// elements, where it may be more: such a tensor has no parameters' ranges.
  std::vector<std::int64_t> qparam_shape;
  /// Observations the shape itself says it holds: 1 for a weight, tokens
  /// otherwise.
  std::int64_t num_observations = 0;

  std::int64_t num_params() const { return kept_outer * kept_inner; }
  std::int64_t num_elements() const { return rows * row_length; }
  /// True if some parameter covers padding.
  bool IsPadded() const { return rows % reduced_outer != 0 || row_length % reduced_inner != 0; }
  /// True if parameter `p` does, so that 0 belongs to its range.
  bool IsPadded(std::int64_t p) const;
};

/// The product of the dimensions. INVALID_ARGUMENT, naming the shape, if one is
/// negative, there are more than 16, or the product of those that are not 0 is
/// above 2^56 (so that no product of some of them can overflow either).
absl::StatusOr<std::int64_t> NumElements(absl::Span<const std::int64_t> shape);

/// "[2048, 4000]", as it stands in messages.
std::string ShapeText(absl::Span<const std::int64_t> shape);

/// The view of a tensor of `shape`, as llm-compressor's flatten_for_calibration
/// sees it (docs/geometry.md has the table). `arithmetic` decides about the
/// 2-D input under group, tensor_group and token: the reference collapses it to one
/// parameter of shape (), EXACT takes it as tokens x hidden.
///
/// A shape with a dimension of 0 gives num_elements() == 0; for a weight that
/// is an INVALID_ARGUMENT. So is what the reference refuses (channel on an
/// activation, group on attention, a rank that does not fit, a group_size that
/// does not divide ...); the message says so and what is allowed.
/// `args` must have come from ResolveQuantizationArgs.
absl::StatusOr<View> MakeView(BaseName base_name, const QuantizationArgs& args,
                              Arithmetic arithmetic, absl::Span<const std::int64_t> shape);

/// INVALID_ARGUMENT if no tensor of `base_name` can have this strategy: known
/// when a session is created, before any shape.
absl::Status CheckStrategy(BaseName base_name, Strategy strategy);

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_GEOMETRY_H_
