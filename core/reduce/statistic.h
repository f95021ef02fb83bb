#ifndef CALIPERS_CORE_REDUCE_STATISTIC_H_
#define CALIPERS_CORE_REDUCE_STATISTIC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/base_name.h"
#include "core/args/quantization_args.h"
#include "core/reduce/geometry.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// Computes one statistic of one tensor. Not thread-safe.
class StatisticReducer {
 public:
  virtual ~StatisticReducer() = default;

  /// Takes the tensor's next `count` elements, in memory order. `elements` need not be aligned.
  virtual void Update(const std::byte* elements, std::int64_t count) = 0;

  /// The value, after the last element. Called once.
  virtual std::string Finish() = 0;
};

/// Folds one statistic over a series, in index order. Pure: the same values in the same order give
/// the same bits. Not thread-safe.
class StatisticFold {
 public:
  virtual ~StatisticFold() = default;

  /// Folds the value of the next record. `value` has passed Statistic::Check.
  virtual void Add(absl::string_view value) = 0;

  /// The folded value, in the layout of the statistic.
  virtual std::string Answer() const = 0;

  /// An independent copy.
  virtual std::unique_ptr<StatisticFold> Clone() const = 0;

  /// Saves the fold for a checkpoint. RestoreState accepts the states of this version and of every
  /// earlier one; INVALID_ARGUMENT, without a change, for a malformed state.
  virtual std::string SaveState() const = 0;
  virtual absl::Status RestoreState(absl::string_view state) = 0;

  /// Size in bytes, for memory budgets.
  virtual std::size_t bytes() const = 0;
};

/// A statistic that a record can hold beside its range: how it is reduced, checked, merged and
/// folded. A value is a string of bytes in a layout that the statistic defines. The wire, the store
/// and run files carry these bytes as they are, so they need no change for a new statistic.
/// Objects of this class have no state and are used by all threads.
class Statistic {
 public:
  virtual ~Statistic() = default;

  /// The name in session specs, records, stored rows and run files: lower case, at most 64
  /// characters of [a-z0-9_]. A released name keeps its meaning and its layout.
  virtual absl::string_view name() const = 0;

  /// True if equal tensors always give equal bytes. Only then is the value part of the record's
  /// digest.
  virtual bool in_digest() const = 0;

  /// INVALID_ARGUMENT if sessions of this base name and these args cannot have the statistic.
  virtual absl::Status CheckSession(BaseName base_name, const QuantizationArgs& args) const = 0;

  /// Bytes that a reducer over `view` takes, and its value after that. Saturates.
  virtual std::int64_t StateBytes(Dtype dtype, const View& view) const = 0;

  virtual std::unique_ptr<StatisticReducer> NewReducer(Dtype dtype, const View& view) const = 0;

  /// INVALID_ARGUMENT, with the reason, if no tensor of this dtype and view has this value.
  virtual absl::Status Check(Dtype dtype, const View& view, absl::string_view value) const = 0;

  /// The value of a tensor from the values of two parts of it, in the order of the parts.
  virtual absl::StatusOr<std::string> Merge(absl::string_view first,
                                            absl::string_view second) const = 0;

  virtual std::unique_ptr<StatisticFold> NewFold() const = 0;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_STATISTIC_H_
