#ifndef CALIPERS_CORE_MINMAX_KERNELS_H_
#define CALIPERS_CORE_MINMAX_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/dtype.h"

namespace calipers {

// The SIMD loops behind Reducer, dispatched at run time to the best instruction
// set that the machine has. They work on elements' bits and convert nothing.
//
// A parameter's accumulator holds lanes of the element's width. A float is sign
// and magnitude, so three extremes of its bits say everything: the greatest as
// signed (smax), the greatest and the least as unsigned (umax, umin). From them:
// the maximum is smax unless that is negative, then all are and the one of least
// magnitude is umin; the minimum is umax if that has the sign bit, else umin; and
// NaN, whose magnitude is above infinity's, shows in smax or in umax. An
// integer needs two lanes: its maximum and its minimum.

/// Bytes of one parameter's accumulator.
std::size_t AccumulatorBytes(Dtype dtype);

/// Makes `count` accumulators at `accumulators` hold nothing.
void ClearAccumulators(Dtype dtype, std::int64_t count, std::byte* accumulators);

/// Takes `count` elements at `data`, which need not be aligned. The first
/// `first_run` of them belong to the first accumulator, each `run` after that
/// to the next. `first_run` and `run` are positive; the last may fall short.
void Accumulate(Dtype dtype, const std::byte* data, std::int64_t count, std::int64_t first_run,
                std::int64_t run, std::byte* accumulators);

/// Writes the range of an accumulator that took at least one element, as two
/// elements. False if it took NaN; then both are NaN in canonical form.
bool AccumulatedRange(Dtype dtype, const std::byte* accumulator, std::byte* min, std::byte* max);

/// The instruction set that Accumulate runs on, as Highway names it, e.g. "AVX2".
absl::string_view KernelTargetName();

}  // namespace calipers

#endif  // CALIPERS_CORE_MINMAX_KERNELS_H_
