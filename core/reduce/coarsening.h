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

/// Converts a record to the record that the same tensor has under a coarser strategy. Each
/// parameter of the coarser strategy is a union of the record's parameters, so the result has the
/// same bits as if the tensor had been observed with that strategy. Immutable; thread-safe.
class Coarsening {
 public:
  /// Converts records of `base_name` under `from`, with this qparam shape, to the strategy of `to`.
  /// Possible conversions:
  /// - Any strategy: to itself, and to tensor.
  /// - group and tensor_group of a weight: to group and tensor_group with a multiple of the
  ///   group_size; to channel; to block with a width that is a multiple of the group_size.
  /// - group and tensor_group of an input or output: to group and tensor_group with a multiple of
  ///   the group_size.
  ///
  /// FAILED_PRECONDITION for any other conversion; the message names the strategies with which a
  /// series must be observed instead. Also FAILED_PRECONDITION if `to` does not fit the qparam
  /// shape, e.g. if its groups do not divide a row.
  static absl::StatusOr<Coarsening> Make(BaseName base_name, const QuantizationArgs& from,
                                         absl::Span<const std::int64_t> qparam_shape,
                                         const QuantizationArgs& to);

  /// True if records do not change.
  bool IsIdentity() const { return kind_ == Kind::kIdentity; }
  /// True if the coarser strategy has one parameter for all elements. Its range is the record's
  /// global range.
  bool IsTensor() const { return kind_ == Kind::kTensor; }
  /// The shape of min and max under the coarser strategy.
  const std::vector<std::int64_t>& qparam_shape() const { return qparam_shape_; }

  /// `record` must have the shape given to Make. A record without elements does not change.
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
  // kUnion: the view of a tensor whose elements are the record's parameters. It maps them to the
  // parameters of the coarser strategy.
  std::optional<View> view_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_COARSENING_H_
