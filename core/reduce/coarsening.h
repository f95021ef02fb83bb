#ifndef CALIPERS_CORE_REDUCE_COARSENING_H_
#define CALIPERS_CORE_REDUCE_COARSENING_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/args/base_name.h"
#include "core/args/quantization_args.h"
#include "core/reduce/geometry.h"
#include "core/reduce/record.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// Makes of a record the one that the same tensor has under a coarser strategy, whose
/// parameters are unions of the record's: the same bits as if the tensor had been observed
/// so. Immutable; thread-safe.
class Coarsening {
 public:
  /// From records of `base_name` under `from`, with this qparam shape, to the strategy of
  /// `to`. What can be made of what:
  ///
  /// | of | can be made |
  /// | --- | --- |
  /// | any strategy | itself, and tensor |
  /// | group, tensor_group of a weight | group and tensor_group of a multiple of the group_size;
  /// channel; block, its width a multiple | | group, tensor_group of an input or output | the same
  /// of a multiple of the group_size |
  ///
  /// FAILED_PRECONDITION, saying what a series must be observed with instead, for any
  /// other, and where the groups of a row are no multiple.
  static absl::StatusOr<Coarsening> Make(BaseName base_name, const QuantizationArgs& from,
                                         absl::Span<const std::int64_t> qparam_shape,
                                         const QuantizationArgs& to);

  /// True if records stay as they are.
  bool IsIdentity() const { return kind_ == Kind::kIdentity; }
  /// True if all elements share one parameter: the record's own, global range.
  bool IsTensor() const { return kind_ == Kind::kTensor; }
  /// The shape of min and max under the coarser strategy.
  const std::vector<std::int64_t>& qparam_shape() const { return qparam_shape_; }

  /// `record` must be of the shape given to Make; one without elements stays as it is.
  Record operator()(const Record& record) const;

 private:
  enum class Kind : std::uint8_t { kIdentity, kTensor, kUnion };

  Coarsening(Kind kind, std::vector<std::int64_t> qparam_shape, std::optional<View> view)
      : kind_(kind), qparam_shape_(std::move(qparam_shape)), view_(std::move(view)) {}
  static absl::StatusOr<Coarsening> OfGroups(BaseName base_name, const QuantizationArgs& from,
                                             absl::Span<const std::int64_t> qparam_shape,
                                             const QuantizationArgs& to);

  Kind kind_;
  std::vector<std::int64_t> qparam_shape_;
  // kUnion: how the parameters of a record, taken for a tensor of their shape, fall
  // together.
  std::optional<View> view_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_COARSENING_H_
