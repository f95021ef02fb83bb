#ifndef CALIPERS_CORE_REDUCE_ACCUMULATORS_H_
#define CALIPERS_CORE_REDUCE_ACCUMULATORS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/reduce/simd/specials.h"
#include "core/tensor/dtype.h"

namespace calipers {

/// The ranges of a tensor's parameters, as they grow. The loops are SIMD, on the
/// best instruction set that the machine has, work on elements' bits and convert
/// nothing (core/reduce/simd/extremes-inl.h says how). Two lanes a parameter, laid out as a
/// record has its values, so that Finish turns the one into the other in place.
class Accumulators {
 public:
  /// Bytes of `count` parameters' ranges.
  static std::size_t Bytes(Dtype dtype, std::size_t count);

  /// `count` parameters that have seen nothing.
  Accumulators(Dtype dtype, std::int64_t count);

  /// Takes `count` elements at `data`, which need not be aligned. The first
  /// `first_run` of them belong to parameter `param`, each `run` after that to the
  /// next. `first_run` and `run` are positive; the last may fall short. The same for
  /// each of `rows` such rows, one behind the other, that share their parameters.
  void Reduce(const std::byte* data, std::int64_t count, std::int64_t param, std::int64_t first_run,
              std::int64_t run, std::int64_t rows = 1);

  /// Each parameter's min, each one's max, the min and the max of them all; packed
  /// elements. A range that took NaN is NaN, in canonical form, at both ends.
  struct Finished {
    std::vector<std::byte> values;
    Specials specials;
  };
  /// Each parameter must have taken an element.
  Finished Finish() &&;

  /// The instruction set that Reduce runs on, as Highway names it, e.g. "AVX2".
  static absl::string_view TargetName();

 private:
  Dtype dtype_;
  std::size_t count_;
  // Ranges of core/reduce/simd/extremes-inl.h: min[count], max[count], and that of them all.
  std::vector<std::byte> ranges_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_ACCUMULATORS_H_
