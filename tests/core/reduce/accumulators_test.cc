#include "core/reduce/accumulators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor/element.h"
#include "hwy/targets.h"
#include "tests/support/elements.h"
#include "tests/support/slow_reduce.h"

namespace calipers {
namespace {

using calipers::testing::kNan;
using testing::SlowRange;
using Bytes = std::vector<std::byte>;

// Bytes of a vector in the widest instruction set.
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

// Random bits. Half of the float runs contain no NaN and no infinity.
Bytes Random(Dtype dtype, std::size_t count, std::mt19937_64& random) {
  Bytes run(count * ByteSize(dtype));
  for (std::byte& b : run) b = static_cast<std::byte>(random());
  if (!IsFloat(dtype) || random() % 2 == 0) return run;
  for (std::size_t i = ByteSize(dtype); i <= run.size(); i += ByteSize(dtype)) {
    // Clears an exponent bit that is in the top byte of every format.
    run[i - 1] &= std::byte{0xBF};
  }
  return run;
}

// Min and max of each parameter, one parameter after another, and at the end those of the whole
// tensor.
std::vector<Bytes> RangesOf(Dtype dtype, Accumulators accumulators) {
  const Accumulators::Finished finished = std::move(accumulators).Finish();
  const std::size_t size = ByteSize(dtype);
  const std::size_t params = finished.values.size() / size / 2 - 1;
  std::vector<Bytes> ranges;
  Specials expected;
  const auto add = [&](const std::byte* min, const std::byte* max) {
    ranges.emplace_back(min, min + size);
    ranges.back().insert(ranges.back().end(), max, max + size);
    const bool nan = IsNan(dtype, min);
    expected.nan |= nan;
    expected.inf |= !nan && (IsInf(dtype, min) || IsInf(dtype, max));
  };
  const std::byte* const values = finished.values.data();
  for (std::size_t p = 0; p < params; ++p) add(values + p * size, values + (params + p) * size);
  EXPECT_EQ(finished.specials.nan, expected.nan) << DtypeName(dtype);
  EXPECT_EQ(finished.specials.inf, expected.inf) << DtypeName(dtype);
  add(values + 2 * params * size, values + (2 * params + 1) * size);
  return ranges;
}

Bytes RangeOfRun(Dtype dtype, const std::byte* data, std::size_t count) {
  Accumulators accumulators(dtype, 1);
  const auto run = static_cast<std::int64_t>(count);
  accumulators.Reduce(data, run, 0, run, run);
  return RangesOf(dtype, std::move(accumulators))[0];
}

Bytes SlowRangeOfRun(Dtype dtype, const std::byte* data, std::size_t count) {
  SlowRange range(dtype);
  for (std::size_t i = 0; i < count; ++i) range.Include(data + i * ByteSize(dtype));
  return Concatenated(range.min(), range.max());
}

// A run in which all elements are `common`, except one element, `odd`.
struct OddOneOut {
  double common;
  double odd;
};

// In each case, another extreme of the bits decides. The odd element is only found if its lane, its
// vector and its chain are all correct.
std::vector<OddOneOut> OddOnes(Dtype dtype) {
  if (dtype == Dtype::kU8) return {{5, 2}, {5, 200}};
  if (!IsFloat(dtype)) return {{5, 9}, {5, -2}, {-5, 3}, {-5, -100}};
  return {{1, 3}, {1, 0.5}, {1, -2}, {-1, -4}, {-1, -0.5}, {-1, kNan}, {1, -kNan}};
}

class AccumulatorsTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

INSTANTIATE_TEST_SUITE_P(Targets, AccumulatorsTest,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& param_info) {
                           return std::string(hwy::TargetName(param_info.param));
                         });

TEST_P(AccumulatorsTest, TheForcedTargetIsTheOneThatRuns) {
  EXPECT_EQ(Accumulators::TargetName(), hwy::TargetName(GetParam()));
}

// Runs of up to 16 vectors, with an odd element at each position in turn. If an element beside the
// run were included, the range would show it.
TEST_P(AccumulatorsTest, SeesEveryElementOfARunAndNoOther) {
  for (Dtype dtype : kAllDtypes) {
    const std::size_t size = ByteSize(dtype);
    // Without vectors, a run is a plain loop, which is slow.
    const std::size_t vectors = GetParam() == HWY_SCALAR ? 4 : 16;
    const std::size_t most = vectors * kVectorBytes / size;
    for (const OddOneOut& values : OddOnes(dtype)) {
      const Bytes common = Element(dtype, values.common);
      const Bytes odd = Element(dtype, values.odd);
      // NaN; for integers, a value more extreme than the odd element.
      const Bytes outside =
          Element(dtype, IsFloat(dtype)               ? kNan
                         : values.odd < values.common ? (dtype == Dtype::kU8 ? 0 : -128)
                                                      : 127 + (dtype == Dtype::kU8 ? 128 : 0));
      const Bytes expected = SlowRangeOfRun(dtype, Concatenated(common, odd).data(), 2);
      const Bytes of_one = SlowRangeOfRun(dtype, odd.data(), 1);
      // All counts up to 4 vectors, then steps that include all remainders.
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

// The allocation ends with the run, so AddressSanitizer detects a load behind it.
TEST_P(AccumulatorsTest, EveryLengthAtEveryOffset) {
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

// Signs of the elements in a run. kChanging: the sign changes after several elements.
enum class Signs { kBoth, kPositive, kNegative, kChanging };

void GiveSign(Dtype dtype, Signs signs, Bytes& run, std::mt19937_64& random) {
  if (signs == Signs::kBoth || dtype == Dtype::kU8) return;
  bool positive = signs == Signs::kPositive || (signs == Signs::kChanging && random() % 2 == 0);
  const std::size_t change = 1 + random() % (run.size() / ByteSize(dtype));
  for (std::size_t i = ByteSize(dtype); i <= run.size(); i += ByteSize(dtype)) {
    run[i - 1] = positive ? run[i - 1] & std::byte{0x7F} : run[i - 1] | std::byte{0x80};
    if (signs == Signs::kChanging && random() % change == 0) positive = !positive;
  }
}

// Runs of all lengths that a group or a block may have. Each row comes in two calls with a random
// cut, so accumulators must keep their state. Further rows have other signs, as rows that share
// parameters may.
TEST_P(AccumulatorsTest, ConsecutiveRunsFillConsecutiveParameters) {
  std::mt19937_64 random(29);
  constexpr std::size_t kGroups[] = {2, 4, 8, 16, 32, 48, 64, 96, 128, 200, 256};
  for (int round = 0; round < 3000; ++round) {
    const Dtype dtype = kAllDtypes[random() % kAllDtypes.size()];
    const std::size_t size = ByteSize(dtype);
    const std::size_t run = round % 3 == 0   ? kGroups[random() % std::size(kGroups)]
                            : round % 3 == 1 ? 1 + random() % 300
                                             : 1 + random() % 20;
    const std::size_t count = 1 + random() % (run * (1 + random() % 150));
    const std::size_t params = (count + run - 1) / run;
    // One parameter more on either side, to check that both remain unchanged.
    Accumulators accumulators(dtype, static_cast<std::int64_t>(params) + 2);
    const Bytes zero(size);
    accumulators.Reduce(zero.data(), 1, 0, 1, 1);
    accumulators.Reduce(zero.data(), 1, static_cast<std::int64_t>(params) + 1, 1, 1);
    std::vector<SlowRange> expected(params, SlowRange(dtype));
    SlowRange global(dtype);
    global.IncludeZero();
    for (int row = 0; row < 1 + round % 3; ++row) {
      Bytes data = Random(dtype, count, random);
      GiveSign(dtype, static_cast<Signs>(random() % 4), data, random);
      const auto take = [&](std::size_t from, std::size_t to) {
        if (from == to) return;
        accumulators.Reduce(data.data() + from * size, static_cast<std::int64_t>(to - from),
                            static_cast<std::int64_t>(1 + from / run),
                            static_cast<std::int64_t>(run - from % run),
                            static_cast<std::int64_t>(run));
      };
      const std::size_t cut = random() % count;
      take(0, cut);
      take(cut, count);
      for (std::size_t i = 0; i < count; ++i) {
        expected[i / run].Include(data.data() + i * size);
        global.Include(data.data() + i * size);
      }
    }
    const std::vector<Bytes> ranges = RangesOf(dtype, std::move(accumulators));
    for (std::size_t p = 0; p < params; ++p) {
      ASSERT_EQ(ranges[p + 1], Concatenated(expected[p].min(), expected[p].max()))
          << DtypeName(dtype) << ": " << count << " elements in runs of " << run << ", parameter "
          << p << ", round " << round;
    }
    ASSERT_EQ(ranges[0], Concatenated(zero, zero)) << DtypeName(dtype);
    ASSERT_EQ(ranges[params + 1], Concatenated(zero, zero)) << DtypeName(dtype);
    ASSERT_EQ(ranges[params + 2], Concatenated(global.min(), global.max())) << DtypeName(dtype);
  }
}

// Rows with the same parameters in one call: as many as are reduced together, and more.
TEST_P(AccumulatorsTest, RowsThatShareTheirParametersAreTakenTogether) {
  std::mt19937_64 random(31);
  constexpr std::size_t kRuns[] = {1, 4, 8, 16, 32, 48, 64, 100, 128};
  for (int round = 0; round < 1500; ++round) {
    const Dtype dtype = kAllDtypes[random() % kAllDtypes.size()];
    const std::size_t size = ByteSize(dtype);
    const std::size_t run = kRuns[random() % std::size(kRuns)];
    const std::size_t count = 1 + random() % (run * (1 + random() % 100));
    const std::size_t rows = 1 + random() % 11;
    const std::size_t first_run = 1 + random() % run;
    const std::size_t params = (count - 1 + run - first_run) / run + 1;
    Accumulators accumulators(dtype, static_cast<std::int64_t>(params));
    std::vector<SlowRange> expected(params, SlowRange(dtype));
    Bytes data = Random(dtype, count * rows, random);
    GiveSign(dtype, static_cast<Signs>(random() % 4), data, random);
    accumulators.Reduce(data.data(), static_cast<std::int64_t>(count), 0,
                        static_cast<std::int64_t>(first_run), static_cast<std::int64_t>(run),
                        static_cast<std::int64_t>(rows));
    for (std::size_t i = 0; i < count * rows; ++i) {
      expected[(i % count + run - first_run) / run].Include(data.data() + i * size);
    }
    const std::vector<Bytes> ranges = RangesOf(dtype, std::move(accumulators));
    for (std::size_t p = 0; p < params; ++p) {
      ASSERT_EQ(ranges[p], Concatenated(expected[p].min(), expected[p].max()))
          << DtypeName(dtype) << ": " << rows << " rows of " << count << " elements, the first "
          << first_run << " and then runs of " << run << ", parameter " << p;
    }
  }
}

// The code guesses the signs. Here the guess is wrong once, anywhere in a long run or among many
// short runs, and also where a stretch of the loop begins or ends.
TEST_P(AccumulatorsTest, ElementOfTheOtherSignIsSeenWhereverItStands) {
  std::mt19937_64 random(37);
  for (Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const std::size_t size = ByteSize(dtype);
    const std::size_t count = 3 * 32768 / size + 5;
    const std::size_t borders[] = {
        0, 16 * 64 / size, 32768 / size, 65536 / size, 33792 / size, count - 1};
    for (double common : {2.0, -2.0}) {
      const Bytes less = Element(dtype, common / 2);
      const Bytes more = Element(dtype, common * 2);
      // Each run has both values, so that two extremes alone do not decide the result.
      Bytes run = Repeated(Concatenated(less, more), count / 2 + 1);
      for (double odd : {std::copysign(0.0, -common), -common, -4 * common, -common / 4,
                         std::copysign(kNan, -common), std::copysign(kNan, common)}) {
        // Beside the odd element, so that only its stretch has this extreme.
        const Bytes most = Element(dtype, common * 4);
        const Bytes all =
            Concatenated(Concatenated(less, most), Concatenated(more, Element(dtype, odd)));
        for (std::size_t border : borders) {
          const std::size_t place = std::min(border + random() % 3, count) - (border > 0 ? 1 : 0);
          Bytes with_odd = run;
          std::memcpy(with_odd.data() + (place > 0 ? place - 1 : 1) * size, most.data(), size);
          std::memcpy(with_odd.data() + place * size, Element(dtype, odd).data(), size);
          ASSERT_EQ(RangeOfRun(dtype, with_odd.data(), count), SlowRangeOfRun(dtype, all.data(), 4))
              << DtypeName(dtype) << ": " << odd << " among " << common << ", place " << place;
        }
        constexpr std::size_t kRun = 16;
        const std::size_t runs = 1024 / size;
        const std::size_t place = random() % (runs * kRun);
        Bytes with_odd(run.begin(), run.begin() + static_cast<std::ptrdiff_t>(runs * kRun * size));
        std::memcpy(with_odd.data() + place * size, Element(dtype, odd).data(), size);
        Accumulators accumulators(dtype, static_cast<std::int64_t>(runs));
        accumulators.Reduce(with_odd.data(), static_cast<std::int64_t>(runs * kRun), 0, kRun, kRun);
        const std::vector<Bytes> ranges = RangesOf(dtype, std::move(accumulators));
        for (std::size_t p = 0; p < runs; ++p) {
          ASSERT_EQ(ranges[p], SlowRangeOfRun(dtype, with_odd.data() + p * kRun * size, kRun))
              << DtypeName(dtype) << ": " << odd << " among " << common << ", run " << p
              << ", place " << place;
        }
      }
    }
  }
}

TEST_P(AccumulatorsTest, SingleNarrowFloatsGiveTheExpectedRange) {
  for (Dtype dtype : {Dtype::kF16, Dtype::kBF16, Dtype::kF8E4M3, Dtype::kF8E5M2}) {
    const unsigned patterns = 1U << (8 * ByteSize(dtype));
    for (unsigned bits = 0; bits < patterns; ++bits) {
      const Bytes element = FromBits(dtype, bits);
      ASSERT_EQ(RangeOfRun(dtype, element.data(), 1), SlowRangeOfRun(dtype, element.data(), 1))
          << DtypeName(dtype) << " " << bits;
    }
  }
}

TEST_P(AccumulatorsTest, EveryPairOfOneByteElements) {
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

TEST_P(AccumulatorsTest, NanWithAnyPayloadIsNanAndInfinityIsNot) {
  struct Edge {
    Dtype dtype;
    std::uint64_t infinity;  // for F8_E4M3, which has none: its greatest number
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
      // The smallest and the largest payload, beside a number of the other sign.
      for (std::uint64_t bits : {edge.infinity + 1, sign - 1}) {
        const Bytes run = Concatenated(FromBits(edge.dtype, (side ^ sign) | edge.infinity),
                                       FromBits(edge.dtype, side | bits));
        EXPECT_EQ(RangeOfRun(edge.dtype, run.data(), 2), Concatenated(nan, nan))
            << DtypeName(edge.dtype) << " " << bits;
      }
    }
  }
}

TEST_P(AccumulatorsTest, NegativeZeroIsBelowPositiveZeroInEitherOrder) {
  for (Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const Bytes minus = Element(dtype, -0.0);
    const Bytes plus = Element(dtype, 0.0);
    for (const Bytes& run : {Concatenated(minus, plus), Concatenated(plus, minus)}) {
      EXPECT_EQ(RangeOfRun(dtype, run.data(), 2), Concatenated(minus, plus)) << DtypeName(dtype);
    }
  }
}

TEST_P(AccumulatorsTest, IntegersReachTheirExtremes) {
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
  // Two values that float64 cannot tell apart.
  const Bytes a = FromBits(Dtype::kI64, std::uint64_t{1} << 60);
  const Bytes b = FromBits(Dtype::kI64, (std::uint64_t{1} << 60) + 1);
  EXPECT_EQ(RangeOfRun(Dtype::kI64, Concatenated(b, a).data(), 2), Concatenated(a, b));
}

}  // namespace
}  // namespace calipers
