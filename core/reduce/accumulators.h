#ifndef CALIPERS_CORE_REDUCE_ACCUMULATORS_H_
#define CALIPERS_CORE_REDUCE_ACCUMULATORS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/reduce/simd/specials.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// The ranges of a tensor's parameters, while elements are added. The loops are SIMD and use the
/// best instruction set of the machine. They work on the bits of the elements and convert nothing
/// (core/reduce/simd/extremes-inl.h explains how). Each parameter has two lanes, in the layout of a
/// record's values, so Finish converts the ranges to values in place.
class Accumulators {
 public:
  /// The size in bytes of the ranges of `count` parameters and of their common range.
  static std::size_t Bytes(Dtype dtype, std::size_t count);

  /// `count` parameters without elements.
  Accumulators(Dtype dtype, std::int64_t count);

  /// Takes `rows` rows of `count` elements each. The rows lie one after the other at `data`, which
  /// need not be aligned, and have the same parameters. In each row, the first `first_run` elements
  /// belong to parameter `param`, and each further `run` elements to the next parameter.
  /// `first_run` and `run` are positive; the last run may be shorter.
  void Reduce(const std::byte* data, std::int64_t count, std::int64_t param, std::int64_t first_run,
              std::int64_t run, std::int64_t rows = 1);

  /// The min of each parameter, the max of each parameter, then the min and the max of all of them,
  /// as packed elements. A range with a NaN is NaN, in canonical form, at both ends.
  struct Finished {
    std::vector<std::byte> values;
    Specials specials;
  };
  /// Each parameter must have at least one element.
  Finished Finish() &&;

  /// The instruction set that Reduce uses, with Highway's name, e.g. "AVX2".
  static absl::string_view TargetName();

 private:
  Dtype dtype_;
  std::size_t count_;
  // The ranges of core/reduce/simd/extremes-inl.h: min[count], max[count], then the common range.
  std::vector<std::byte> ranges_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_ACCUMULATORS_H_
