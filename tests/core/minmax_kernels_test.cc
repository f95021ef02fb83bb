#include "core/minmax_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/element.h"
#include "hwy/targets.h"
#include "tests/support/slow_reduce.h"

namespace calipers {
namespace {

using testing::SlowRange;
using Bytes = std::vector<std::byte>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// A vector of the widest instruction set.
constexpr std::size_t kVectorBytes = 64;

Bytes Element(Dtype dtype, double value) {
  Bytes element(ByteSize(dtype));
  StoreElement(dtype, value, element.data());
  if (std::isnan(value) && std::signbit(value)) element.back() |= std::byte{0x80};
  return element;
}

Bytes FromBits(Dtype dtype, std::uint64_t bits) {
  Bytes element(ByteSize(dtype));
  std::memcpy(element.data(), &bits, element.size());
  return element;
}

Bytes Concatenated(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes Repeated(const Bytes& element, std::size_t count) {
  Bytes run;
  run.reserve(element.size() * count);
  for (std::size_t i = 0; i < count; ++i) run.insert(run.end(), element.begin(), element.end());
  return run;
}

// Any bits; every other run of floats without NaN and infinity.
Bytes Random(Dtype dtype, std::size_t count, std::mt19937_64& random) {
  Bytes run(count * ByteSize(dtype));
  for (std::byte& b : run) b = static_cast<std::byte>(random());
  if (!IsFloat(dtype) || random() % 2 == 0) return run;
  for (std::size_t i = ByteSize(dtype); i <= run.size(); i += ByteSize(dtype)) {
    // Clears a bit of the exponent that the top byte of every format has.
    run[i - 1] &= std::byte{0xBF};
  }
  return run;
}

Bytes Cleared(Dtype dtype, std::int64_t count) {
  Bytes accumulators(static_cast<std::size_t>(count) * AccumulatorBytes(dtype));
  ClearAccumulators(dtype, count, accumulators.data());
  return accumulators;
}

// min and max, one behind the other.
Bytes RangeOf(Dtype dtype, const std::byte* accumulator) {
  const std::size_t size = ByteSize(dtype);
  Bytes range(2 * size);
  const bool ordered = AccumulatedRange(dtype, accumulator, range.data(), range.data() + size);
  EXPECT_EQ(ordered, !IsNan(dtype, range.data()));
  return range;
}

Bytes RangeOfRun(Dtype dtype, const std::byte* data, std::size_t count) {
  Bytes accumulator = Cleared(dtype, 1);
  const auto run = static_cast<std::int64_t>(count);
  Accumulate(dtype, data, run, run, run, accumulator.data());
  return RangeOf(dtype, accumulator.data());
}

Bytes SlowRangeOfRun(Dtype dtype, const std::byte* data, std::size_t count) {
  SlowRange range(dtype);
  for (std::size_t i = 0; i < count; ++i) range.Take(data + i * ByteSize(dtype));
  return Concatenated(range.min(), range.max());
}

// A run whose elements are all `common` but for one, `odd`.
struct OddOneOut {
  double common;
  double odd;
};

// Each extreme of the bits decides in one of them: to see only the odd element
// as it should be seen, its lane, its vector and its chain must all be right.
std::vector<OddOneOut> OddOnes(Dtype dtype) {
  if (dtype == Dtype::kU8) return {{5, 2}, {5, 200}};
  if (!IsFloat(dtype)) return {{5, 9}, {5, -2}, {-5, 3}, {-5, -100}};
  return {{1, 3}, {1, 0.5}, {1, -2}, {-1, -4}, {-1, -0.5}, {-1, kNan}, {1, -kNan}};
}

class KernelTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

INSTANTIATE_TEST_SUITE_P(Targets, KernelTest,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& param_info) {
                           return std::string(hwy::TargetName(param_info.param));
                         });

TEST_P(KernelTest, TheForcedTargetIsTheOneThatRuns) {
  EXPECT_EQ(KernelTargetName(), hwy::TargetName(GetParam()));
}

// Runs of up to 16 vectors, with an odd element in each place in turn. The
// elements on either side of the run would show in its range.
TEST_P(KernelTest, SeesEveryElementOfARunAndNoOther) {
  for (Dtype dtype : kAllDtypes) {
    const std::size_t size = ByteSize(dtype);
    // Without vectors a run has nothing but a loop, and that is slow.
    const std::size_t vectors = GetParam() == HWY_SCALAR ? 4 : 16;
    const std::size_t most = vectors * kVectorBytes / size;
    for (const OddOneOut& values : OddOnes(dtype)) {
      const Bytes common = Element(dtype, values.common);
      const Bytes odd = Element(dtype, values.odd);
      // NaN, or for integers further out than the odd one.
      const Bytes outside =
          Element(dtype, IsFloat(dtype)               ? kNan
                         : values.odd < values.common ? (dtype == Dtype::kU8 ? 0 : -128)
                                                      : 127 + (dtype == Dtype::kU8 ? 128 : 0));
      const Bytes expected = SlowRangeOfRun(dtype, Concatenated(common, odd).data(), 2);
      const Bytes of_one = SlowRangeOfRun(dtype, odd.data(), 1);
      // All counts up to 4 vectors; after that in steps that meet all remainders.
      for (std::size_t count = 1; count <= most; count += count < 4 * kVectorBytes / size ? 1 : 7) {
        const std::size_t offset = kVectorBytes + count % kVectorBytes * size;
        Bytes buffer = Repeated(outside, (offset + kVectorBytes) / size + count);
        std::byte* const run = buffer.data() + offset;
        for (std::size_t i = 0; i < count; ++i) std::memcpy(run + i * size, common.data(), size);
        for (std::size_t place = 0; place < count; ++place) {
          std::memcpy(run + place * size, odd.data(), size);
          ASSERT_EQ(RangeOfRun(dtype, run, count), count == 1 ? of_one : expected)
              << DtypeName(dtype) << " " << values.odd << " among " << values.common << ", place "
              << place << " of " << count;
          std::memcpy(run + place * size, common.data(), size);
        }
      }
    }
  }
}

// Allocations that end where the run does: AddressSanitizer would see a load
// behind them.
TEST_P(KernelTest, EveryLengthAtEveryOffset) {
  std::mt19937_64 random(23);
  for (Dtype dtype : kAllDtypes) {
    const std::size_t size = ByteSize(dtype);
    const std::size_t most = 16 * kVectorBytes / size;
    for (std::size_t count = 1; count <= most; count += count < most / 4 ? 1 : 11) {
      const Bytes run = Random(dtype, count, random);
      const Bytes expected = SlowRangeOfRun(dtype, run.data(), count);
      for (std::size_t offset = 0; offset < kVectorBytes; ++offset) {
        Bytes shifted(offset);
        shifted.insert(shifted.end(), run.begin(), run.end());
        shifted.shrink_to_fit();
        ASSERT_EQ(RangeOfRun(dtype, shifted.data() + offset, count), expected)
            << DtypeName(dtype) << ", " << count << " elements at " << offset;
      }
    }
  }
}

// Runs of all lengths that a group or a block may have, in two calls that meet
// anywhere, so that accumulators must keep what they hold.
TEST_P(KernelTest, ConsecutiveRunsFillConsecutiveAccumulators) {
  std::mt19937_64 random(29);
  for (int round = 0; round < 3000; ++round) {
    const Dtype dtype = kAllDtypes[random() % kAllDtypes.size()];
    const std::size_t size = ByteSize(dtype);
    const std::size_t run = 1 + random() % (round % 4 == 0 ? 300 : 20);
    const std::size_t count = 1 + random() % (6 * run);
    const std::size_t params = (count + run - 1) / run;
    const Bytes data = Random(dtype, count, random);

    // One more than needed, to see that it stays as it was.
    Bytes accumulators = Cleared(dtype, static_cast<std::int64_t>(params) + 1);
    const std::size_t each = AccumulatorBytes(dtype);
    const std::size_t cut = random() % count;
    if (cut > 0) {
      Accumulate(dtype, data.data(), static_cast<std::int64_t>(cut), static_cast<std::int64_t>(run),
                 static_cast<std::int64_t>(run), accumulators.data());
    }
    Accumulate(dtype, data.data() + cut * size, static_cast<std::int64_t>(count - cut),
               static_cast<std::int64_t>(run - cut % run), static_cast<std::int64_t>(run),
               accumulators.data() + cut / run * each);

    for (std::size_t p = 0; p < params; ++p) {
      ASSERT_EQ(RangeOf(dtype, accumulators.data() + p * each),
                SlowRangeOfRun(dtype, data.data() + p * run * size, std::min(run, count - p * run)))
          << DtypeName(dtype) << ": " << count << " elements in runs of " << run << ", cut at "
          << cut << ", parameter " << p;
    }
    accumulators.erase(accumulators.begin(),
                       accumulators.begin() + static_cast<std::ptrdiff_t>(params * each));
    ASSERT_EQ(accumulators, Cleared(dtype, 1)) << DtypeName(dtype);
  }
}

TEST_P(KernelTest, EveryPatternOfTheNarrowFloatsAlone) {
  for (Dtype dtype : {Dtype::kF16, Dtype::kBF16, Dtype::kF8E4M3, Dtype::kF8E5M2}) {
    const unsigned patterns = 1U << (8 * ByteSize(dtype));
    for (unsigned bits = 0; bits < patterns; ++bits) {
      const Bytes element = FromBits(dtype, bits);
      ASSERT_EQ(RangeOfRun(dtype, element.data(), 1), SlowRangeOfRun(dtype, element.data(), 1))
          << DtypeName(dtype) << " " << bits;
    }
  }
}

TEST_P(KernelTest, EveryPairOfOneByteElements) {
  for (Dtype dtype : {Dtype::kF8E4M3, Dtype::kF8E5M2, Dtype::kI8, Dtype::kU8}) {
    for (unsigned a = 0; a < 256; ++a) {
      for (unsigned b = 0; b < 256; ++b) {
        const Bytes pair = {static_cast<std::byte>(a), static_cast<std::byte>(b)};
        ASSERT_EQ(RangeOfRun(dtype, pair.data(), 2), SlowRangeOfRun(dtype, pair.data(), 2))
            << DtypeName(dtype) << " " << a << ", " << b;
      }
    }
  }
}

TEST_P(KernelTest, NanWithAnyPayloadIsNanAndInfinityIsNot) {
  struct Edge {
    Dtype dtype;
    std::uint64_t infinity;  // F8_E4M3, which has none: its greatest number.
    std::uint64_t canonical_nan;
  };
  for (const Edge& edge :
       {Edge{Dtype::kF64, 0x7FF0000000000000U, 0x7FF8000000000000U},
        Edge{Dtype::kF32, 0x7F800000U, 0x7FC00000U}, Edge{Dtype::kF16, 0x7C00U, 0x7E00U},
        Edge{Dtype::kBF16, 0x7F80U, 0x7FC0U}, Edge{Dtype::kF8E4M3, 0x7EU, 0x7FU},
        Edge{Dtype::kF8E5M2, 0x7CU, 0x7EU}}) {
    const std::size_t size = ByteSize(edge.dtype);
    const std::uint64_t sign = std::uint64_t{1} << (8 * size - 1);
    const Bytes nan = FromBits(edge.dtype, edge.canonical_nan);
    for (std::uint64_t side : {std::uint64_t{0}, sign}) {
      const Bytes infinity = FromBits(edge.dtype, side | edge.infinity);
      EXPECT_EQ(RangeOfRun(edge.dtype, infinity.data(), 1), Concatenated(infinity, infinity))
          << DtypeName(edge.dtype);
      // The least payload and the greatest, among numbers of the other sign.
      for (std::uint64_t bits : {edge.infinity + 1, sign - 1}) {
        const Bytes run = Concatenated(FromBits(edge.dtype, (side ^ sign) | edge.infinity),
                                       FromBits(edge.dtype, side | bits));
        EXPECT_EQ(RangeOfRun(edge.dtype, run.data(), 2), Concatenated(nan, nan))
            << DtypeName(edge.dtype) << " " << bits;
      }
    }
  }
}

TEST_P(KernelTest, NegativeZeroIsBelowPositiveZeroInEitherOrder) {
  for (Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const Bytes minus = Element(dtype, -0.0);
    const Bytes plus = Element(dtype, 0.0);
    for (const Bytes& run : {Concatenated(minus, plus), Concatenated(plus, minus)}) {
      EXPECT_EQ(RangeOfRun(dtype, run.data(), 2), Concatenated(minus, plus)) << DtypeName(dtype);
    }
  }
}

TEST_P(KernelTest, IntegersReachTheirExtremes) {
  for (Dtype dtype : {Dtype::kI8, Dtype::kI16, Dtype::kI32, Dtype::kI64}) {
    const std::uint64_t sign = std::uint64_t{1} << (8 * ByteSize(dtype) - 1);
    const Bytes least = FromBits(dtype, sign);
    const Bytes greatest = FromBits(dtype, sign - 1);
    for (const Bytes& one : {least, greatest}) {
      EXPECT_EQ(RangeOfRun(dtype, Repeated(one, 70).data(), 70), Concatenated(one, one))
          << DtypeName(dtype);
    }
    EXPECT_EQ(RangeOfRun(dtype, Concatenated(greatest, least).data(), 2),
              Concatenated(least, greatest))
        << DtypeName(dtype);
  }
  // Apart by less than float64 can tell.
  const Bytes a = FromBits(Dtype::kI64, std::uint64_t{1} << 60);
  const Bytes b = FromBits(Dtype::kI64, (std::uint64_t{1} << 60) + 1);
  EXPECT_EQ(RangeOfRun(Dtype::kI64, Concatenated(b, a).data(), 2), Concatenated(a, b));
}

}  // namespace
}  // namespace calipers
