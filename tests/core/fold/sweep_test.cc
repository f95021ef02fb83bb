#include "core/fold/sweep.h"

#include <cblas.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/fold/extremes.h"
#include "core/fold/moving_average.h"
#include "tests/support/elements.h"
#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::Packed;
using ::calipers::testing::StatusIs;
using ::testing::HasSubstr;

constexpr Weighting kWeightings[] = {Weighting::kUniform, Weighting::kNumObservations};
// 0, 1, constants that round to 0 or 1, constants that forget earlier records within a chunk, and
// constants that never do.
const std::vector<double> kConstants = {0.0, 1e-300, 1e-17, 1e-6,     0.001,         0.01, 0.1,
                                        0.3, 0.5,    0.9,   0.999999, 1.0 - 0x1p-53, 1.0};
// Lengths around the borders of chunks of 64. The first record of all belongs to no chunk.
constexpr int kLengths[] = {1, 2, 3, 17, 63, 64, 65, 66, 67, 127, 128, 129, 130, 131, 200};

using Series = std::vector<Record>;

// `global` is the range of the whole tensor. If it is empty, the extremes of the parameters are
// used.
Record MakeRecord(Dtype dtype, const std::vector<double>& min, const std::vector<double>& max,
                  const std::vector<double>& global, std::int64_t num_observations) {
  const auto end = [&](std::size_t i) {
    return global.empty() ? std::vector<std::byte>() : Packed(dtype, {global[i]}).bytes;
  };
  const auto record = Record::Make(dtype, num_observations, Packed(dtype, min).bytes,
                                   Packed(dtype, max).bytes, end(0), end(1));
  EXPECT_TRUE(record.ok()) << record.status();
  return *record;
}

// A float32 record of one parameter.
Record One(double min, double max, std::int64_t num_observations = 1) {
  return MakeRecord(Dtype::kF32, {min}, {max}, {}, num_observations);
}

std::vector<double> Values(const Record& record) {
  std::vector<double> values;
  for (std::size_t at = 0; at < record.values().size(); at += ByteSize(record.dtype())) {
    values.push_back(LoadElement(record.dtype(), &record.values()[at]));
  }
  return values;
}

double RandomValue(std::mt19937_64& random, Dtype dtype) {
  if (!IsFloat(dtype)) {
    const double high = dtype == Dtype::kI64 ? 4e15 : dtype == Dtype::kI32 ? 2e9 : 120.0;
    return std::uniform_real_distribution(dtype == Dtype::kU8 ? 0.0 : -high, high)(random);
  }
  // Of both signs and of many magnitudes, all finite in F8.
  const int exponent = static_cast<int>(random() % 16) - 8;
  return std::ldexp(std::uniform_real_distribution(-1.0, 1.0)(random), exponent);
}

Record RandomRecord(std::mt19937_64& random, Dtype dtype, std::size_t params) {
  std::vector<double> min;
  std::vector<double> max;
  for (std::size_t i = 0; i < params; ++i) {
    const double a = RandomValue(random, dtype);
    const double b = RandomValue(random, dtype);
    min.push_back(std::min(a, b));
    max.push_back(std::max(a, b));
  }
  // The range of one parameter: within the extremes, as with padding.
  const std::size_t some = random() % params;
  return MakeRecord(dtype, min, max, {min[some], max[some]},
                    static_cast<std::int64_t>(random() % 5));
}

// `length` records with elements, and some empty records among them.
Series RandomSeries(std::mt19937_64& random, Dtype dtype, std::size_t params, int length) {
  Series series;
  for (int i = 0; i < length; ++i) {
    while (random() % 8 == 0) series.push_back(Record::Empty(dtype, 7));
    series.push_back(RandomRecord(random, dtype, params));
  }
  return series;
}

std::vector<double> RandomConstants(std::mt19937_64& random, std::size_t count) {
  std::vector<double> constants;
  while (constants.size() < count) {
    constants.push_back(random() % 4 == 0
                            ? kConstants[random() % kConstants.size()]
                            : std::exp2(-std::uniform_real_distribution(0.0, 20.0)(random)));
  }
  return constants;
}

Sweep MakeSweep(const std::vector<double>& constants, Arithmetic arithmetic, Weighting weighting,
                const Series& series) {
  auto sweep = Sweep::Make(constants, arithmetic, weighting);
  EXPECT_OK(sweep);
  for (const Record& record : series) sweep->Add(record);
  return *std::move(sweep);
}

FoldedRange SeriesRecord(double constant, Arithmetic arithmetic, Weighting weighting,
                         const Series& series) {
  const auto observer = MakeObserver("minmax", {constant, arithmetic, weighting});
  EXPECT_OK(observer);
  for (const Record& record : series) (*observer)->Add(record);
  return (*observer)->Answer();
}

// Upper bound for the error of float64 arithmetic on n records: n x 2^-52 of the largest magnitude.
double ErrorOf(const Series& series) {
  double largest = 0;
  for (const Record& record : series) {
    for (const double value : Values(record)) {
      if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
    }
  }
  return static_cast<double>(series.size()) * 0x1p-52 * largest;
}

// Compares two float64 answers, which may be `error` apart.
void ExpectNear(const Elements& answer, const Elements& expected, double error) {
  ASSERT_EQ(answer.dtype, Dtype::kF64);
  ASSERT_EQ(answer.size(), expected.size());
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const double a = answer[i];
    const double b = expected[i];
    const bool near = std::isfinite(a) && std::isfinite(b)
                          ? std::fabs(a - b) <= error
                          : a == b || (std::isnan(a) && std::isnan(b));
    ASSERT_TRUE(near) << "value " << i << ": " << a << ", expected " << b << " within " << error;
  }
}

void ExpectNear(const FoldedRange& answer, const FoldedRange& expected, double error) {
  ExpectNear(answer.range.min, expected.range.min, error);
  ExpectNear(answer.range.max, expected.range.max, error);
  ExpectNear(answer.global.min, expected.global.min, error);
  ExpectNear(answer.global.max, expected.global.max, error);
  ExpectNear(answer.global_of_range.min, expected.global_of_range.min, error);
  ExpectNear(answer.global_of_range.max, expected.global_of_range.max, error);
}

// Compares a sweep in exact arithmetic with an observer for each constant.
void ExpectAsObservers(const std::vector<double>& constants, Weighting weighting,
                       const Series& series) {
  Sweep sweep = MakeSweep(constants, Arithmetic::kExact, weighting, series);
  ASSERT_FALSE(sweep.empty());
  const double error = ErrorOf(series);
  for (std::size_t i = 0; i < constants.size(); ++i) {
    SCOPED_TRACE(::testing::Message()
                 << "constant " << constants[i] << ", weighting " << static_cast<int>(weighting)
                 << ", " << series.size() << " records");
    ExpectNear(sweep.Answer(i), SeriesRecord(constants[i], Arithmetic::kExact, weighting, series),
               error);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// The definition of the fold, in long double: the sum of the records, each with its remaining
// weight after the later records. One result for each value of a record.
std::vector<long double> Oracle(double constant, Weighting weighting, Series series) {
  std::erase_if(series, [](const Record& record) { return record.empty(); });
  std::vector<long double> sum(Values(series.front()).size());
  for (std::size_t i = 0; i < series.size(); ++i) {
    const auto weight_of = [&](std::size_t r) -> long double {
      return weighting == Weighting::kUniform
                 ? constant
                 : CombinedWeight(constant, series[r].num_observations());
    };
    long double weight = i == 0 ? 1.0L : weight_of(i);
    for (std::size_t behind = i + 1; behind < series.size(); ++behind) {
      weight *= 1.0L - weight_of(behind);
    }
    const std::vector<double> values = Values(series[i]);
    for (std::size_t v = 0; v < values.size(); ++v) sum[v] += weight * values[v];
  }
  return sum;
}

void ExpectWithin(double answer, long double exact, double error) {
  ASSERT_LE(std::fabs(answer - exact), static_cast<long double>(error))
      << answer << ", exactly " << exact;
}

void ExpectAsOracle(const std::vector<double>& constants, Weighting weighting,
                    const Series& series) {
  Sweep sweep = MakeSweep(constants, Arithmetic::kExact, weighting, series);
  const double error = ErrorOf(series);
  for (std::size_t i = 0; i < constants.size(); ++i) {
    SCOPED_TRACE(::testing::Message()
                 << "constant " << constants[i] << ", weighting " << static_cast<int>(weighting));
    const FoldedRange answer = sweep.Answer(i);
    const std::vector<long double> exact = Oracle(constants[i], weighting, series);
    const std::size_t n = answer.range.min.size();
    ASSERT_EQ(exact.size(), 2 * n + 2);
    for (std::size_t p = 0; p < n; ++p) {
      ExpectWithin(answer.range.min[p], exact[p], error);
      ExpectWithin(answer.range.max[p], exact[n + p], error);
    }
    ExpectWithin(answer.global.min[0], exact[2 * n], error);
    ExpectWithin(answer.global.max[0], exact[2 * n + 1], error);
    const auto begin = exact.begin();
    const auto half = begin + static_cast<std::ptrdiff_t>(n);
    ExpectWithin(answer.global_of_range.min[0], *std::min_element(begin, half), error);
    ExpectWithin(answer.global_of_range.max[0],
                 *std::max_element(half, half + static_cast<std::ptrdiff_t>(n)), error);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

class SweepDtypeTest : public ::testing::TestWithParam<Dtype> {};

INSTANTIATE_TEST_SUITE_P(EveryDtype, SweepDtypeTest, ::testing::ValuesIn(kAllDtypes),
                         [](const auto& test) { return std::string(DtypeName(test.param)); });

TEST_P(SweepDtypeTest, IsNearTheObserverOfEachConstant) {
  std::mt19937_64 random(static_cast<unsigned>(GetParam()) + 1);
  for (const Weighting weighting : kWeightings) {
    for (const int length : kLengths) {
      ExpectAsObservers(kConstants, weighting,
                        RandomSeries(random, GetParam(), 1 + random() % 20, length));
      if (HasFatalFailure()) return;
    }
    for (const std::size_t count : {1, 2, 7, 64, 333, 1024}) {
      ExpectAsObservers(
          RandomConstants(random, count), weighting,
          RandomSeries(random, GetParam(), 1 + random() % 3, 1 + static_cast<int>(random() % 200)));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(SweepDtypeTest, IsTheExactAverage) {
  std::mt19937_64 random(static_cast<unsigned>(GetParam()) + 100);
  for (const Weighting weighting : kWeightings) {
    for (const int length : kLengths) {
      ExpectAsOracle(kConstants, weighting, RandomSeries(random, GetParam(), 3, length));
      if (HasFatalFailure()) return;
    }
  }
}

// All dtypes except F8, which PyTorch does not reduce.
class SweepReferenceTest : public ::testing::TestWithParam<Dtype> {};

INSTANTIATE_TEST_SUITE_P(EveryDtype, SweepReferenceTest,
                         ::testing::Values(Dtype::kF64, Dtype::kF32, Dtype::kF16, Dtype::kBF16,
                                           Dtype::kI8, Dtype::kU8, Dtype::kI16, Dtype::kI32,
                                           Dtype::kI64),
                         [](const auto& test) { return std::string(DtypeName(test.param)); });

TEST_P(SweepReferenceTest, HasTheBitsOfTheObserverOfEachConstant) {
  std::mt19937_64 random(static_cast<unsigned>(GetParam()) + 200);
  for (const Weighting weighting : kWeightings) {
    for (const int length : kLengths) {
      const Series series = RandomSeries(random, GetParam(), 1 + random() % 20, length);
      Sweep sweep = MakeSweep(kConstants, Arithmetic::kReference, weighting, series);
      for (std::size_t i = 0; i < kConstants.size(); ++i) {
        const FoldedRange answer = sweep.Answer(i);
        const FoldedRange expected =
            SeriesRecord(kConstants[i], Arithmetic::kReference, weighting, series);
        ASSERT_EQ(answer.range, expected.range) << kConstants[i];
        ASSERT_EQ(answer.global, expected.global) << kConstants[i];
        ASSERT_EQ(answer.global_of_range, expected.global_of_range) << kConstants[i];
      }
    }
  }
}

TEST(SweepTest, LongSeriesStayNear) {
  std::mt19937_64 random(1);
  for (const Weighting weighting : kWeightings) {
    const Series series = RandomSeries(random, Dtype::kBF16, 1, 5000);
    ExpectAsObservers(kConstants, weighting, series);
  }
  // Shorter, because the oracle takes quadratic time.
  ExpectAsOracle({0.0, 1e-6, 0.01, 0.5}, Weighting::kUniform,
                 RandomSeries(random, Dtype::kF32, 1, 2000));
}

// Chunks of 64 records, of fewer, of two, and no chunks.
TEST(SweepTest, WideRecordsMakeShortChunks) {
  std::mt19937_64 random(2);
  for (const auto& [params, length] :
       {std::pair(4095, 140), {4096, 140}, {20000, 30}, {131071, 4}, {131072, 4}}) {
    const Series series =
        RandomSeries(random, Dtype::kI8, static_cast<std::size_t>(params), length);
    for (const Weighting weighting : kWeightings) {
      ExpectAsObservers({0.01, 0.5, 1.0}, weighting, series);
      ASSERT_FALSE(HasFatalFailure()) << params;
    }
  }
}

TEST(SweepTest, AnswersBetweenRecordsChangeNothing) {
  std::mt19937_64 random(3);
  for (const Weighting weighting : kWeightings) {
    Sweep sweep = MakeSweep(kConstants, Arithmetic::kExact, weighting, {});
    EXPECT_TRUE(sweep.empty());
    Series series;
    for (const Record& record : RandomSeries(random, Dtype::kF16, 2, 150)) {
      series.push_back(record);
      sweep.Add(record);
      if (sweep.empty() || random() % 4 != 0) continue;
      const std::size_t i = random() % kConstants.size();
      ExpectNear(sweep.Answer(i),
                 SeriesRecord(kConstants[i], Arithmetic::kExact, weighting, series),
                 ErrorOf(series));
      ASSERT_FALSE(HasFatalFailure()) << "after " << series.size() << " records";
    }
  }
}

TEST(SweepTest, RecordsWithoutElementsChangeNothing) {
  for (const Arithmetic arithmetic : {Arithmetic::kExact, Arithmetic::kReference}) {
    Sweep sweep = MakeSweep({0.5}, arithmetic, Weighting::kNumObservations,
                            {Record::Empty(Dtype::kF32, 3), Record::Empty(Dtype::kF32, 0)});
    EXPECT_TRUE(sweep.empty());
    sweep.Add(One(1, 3));
    sweep.Add(Record::Empty(Dtype::kF32, 5));
    EXPECT_FALSE(sweep.empty());
    EXPECT_EQ(sweep.Answer(0).range.max[0], 3);
    sweep.Add(Record::Empty(Dtype::kF32, 5));
    sweep.Add(One(3, 5));
    EXPECT_EQ(sweep.Answer(0).range.min[0], 2);
    EXPECT_EQ(sweep.Answer(0).range.max[0], 4);
  }
}

// Infinity and NaN -------------------------------------------------------------

// With this number of observations and a medium constant, a record replaces the average.
constexpr std::int64_t kEverything = std::int64_t{1} << 50;

// A series of two parameters. The first parameter has the value `special` in record `at`.
Series SeriesWith(double special, std::size_t at, std::mt19937_64& random) {
  Series series;
  for (std::size_t r = 0; r < 140; ++r) {
    const double x = RandomValue(random, Dtype::kF32);
    const double y = RandomValue(random, Dtype::kF32);
    const double first = r == at ? special : x;
    const std::int64_t num_observations =
        random() % 50 == 0 ? kEverything : static_cast<std::int64_t>(random() % 3);
    series.push_back(MakeRecord(Dtype::kF32, {first, y}, {first, y + 1}, {}, num_observations));
  }
  return series;
}

TEST(SweepTest, NonFiniteValuesMatchTheObserver) {
  ASSERT_EQ(CombinedWeight(0.01, kEverything), 1.0);
  std::mt19937_64 random(4);
  for (const double special : {kNan, kInf, -kInf}) {
    for (std::size_t at = 0; at < 140; ++at) {
      const Series series = SeriesWith(special, at, random);
      for (const Weighting weighting : kWeightings) {
        ExpectAsObservers(kConstants, weighting, series);
        ASSERT_FALSE(HasFatalFailure()) << special << " at " << at;
      }
    }
  }
}

TEST(SweepTest, AnyNumberOfNonFiniteValues) {
  std::mt19937_64 random(5);
  constexpr double kSpecials[] = {kNan, kInf, -kInf, 0.0};
  for (int round = 0; round < 200; ++round) {
    Series series;
    for (std::size_t r = 1 + random() % 200; r > 0; --r) {
      const double x = RandomValue(random, Dtype::kBF16);
      const double first = random() % 40 == 0 ? kSpecials[random() % 4] : x;
      series.push_back(MakeRecord(Dtype::kBF16, {first, x}, {first, x}, {},
                                  random() % 60 == 0 ? kEverything : 1));
    }
    for (const Weighting weighting : kWeightings) {
      ExpectAsObservers(kConstants, weighting, series);
      ASSERT_FALSE(HasFatalFailure());
    }
  }
}

// A chunk with finite records, one of them of weight 1. The chunk before has an infinity or NaN.
TEST(SweepTest, WeightOneForgetsTheAverageOfEarlierChunks) {
  for (const double special : {kNan, kInf, -kInf}) {
    for (const std::size_t at : {64, 65, 66, 100, 127, 128}) {
      Series series(129, One(-1, 1));
      series[3] = One(special, special);
      series[at] = One(-2, 3, kEverything);
      Sweep sweep =
          MakeSweep({0.01, 0.5, 1.0}, Arithmetic::kExact, Weighting::kNumObservations, series);
      for (std::size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(std::isfinite(double{sweep.Answer(i).range.min[0]})) << at;
      ExpectAsObservers({0.01, 0.5, 1.0}, Weighting::kNumObservations, series);
      // With a constant of 1, the newest record is the answer.
      series.push_back(One(special, special));
      series.push_back(One(-5, 7));
      Sweep uniform = MakeSweep({0.01, 1.0}, Arithmetic::kExact, Weighting::kUniform, series);
      EXPECT_FALSE(std::isfinite(double{uniform.Answer(0).range.min[0]}));
      EXPECT_EQ(uniform.Answer(1).range.min[0], -5);
      EXPECT_EQ(uniform.Answer(1).range.max[0], 7);
    }
  }
}

// After so many records, the weight of the first record is smaller than any float64.
TEST(SweepTest, InfinityOutlastsWeightsThatUnderflow) {
  for (const double constant : {0.999999, 1.0 - 0x1p-53}) {
    ASSERT_EQ(std::pow(1 - constant, 64), 0.0);
    for (const int length : {65, 129, 200}) {
      Series series(static_cast<std::size_t>(length), One(-1, 1));
      series[0] = One(-kInf, 2);
      Sweep sweep = MakeSweep({constant}, Arithmetic::kExact, Weighting::kUniform, series);
      EXPECT_EQ(sweep.Answer(0).range.min[0], -kInf);
      EXPECT_EQ(sweep.Answer(0).range.max[0], 1);
      ExpectAsObservers({constant}, Weighting::kUniform, series);
    }
  }
}

// The sum of the products must not overflow if the fold does not. Small records at the end show
// whether an average was infinite.
TEST(SweepTest, TheGreatestFloat64) {
  constexpr double kMax = std::numeric_limits<double>::max();
  std::vector<double> constants = {0.0, 1.0};
  for (int percent = 10; percent < 100; ++percent) constants.push_back(percent / 100.0);
  for (const double low : {-kMax, kMax, 0.0}) {
    Series series(70, MakeRecord(Dtype::kF64, {low}, {kMax}, {}, 1));
    ExpectAsObservers(constants, Weighting::kUniform, series);
    series.resize(7000, MakeRecord(Dtype::kF64, {1}, {2}, {}, 1));
    ExpectAsObservers(constants, Weighting::kUniform, series);
    Sweep sweep = MakeSweep({0.9}, Arithmetic::kExact, Weighting::kUniform, series);
    EXPECT_EQ(sweep.Answer(0).range.max[0], 2);
  }
}

TEST(SweepTest, MoreThanTheGreatestFloat32StaysItself) {
  Series series(100, MakeRecord(Dtype::kF64, {-1e39}, {1e38}, {}, 1));
  Sweep sweep = MakeSweep({0.01}, Arithmetic::kExact, Weighting::kUniform, series);
  EXPECT_NEAR(sweep.Answer(0).range.min[0], -1e39, ErrorOf(series));
  EXPECT_NEAR(sweep.Answer(0).range.max[0], 1e38, ErrorOf(series));
}

TEST(SweepTest, KeepsToTheCallersThread) {
  Sweep sweep =
      MakeSweep(kConstants, Arithmetic::kExact, Weighting::kUniform, {One(1, 2), One(1, 2)});
  EXPECT_EQ(sweep.Answer(0).range.max[0], 2);
  EXPECT_EQ(openblas_get_num_threads(), 1);
}

// As in a server that answers several callers.
TEST(SweepTest, SeveralAtOnceDoNotDisturbEachOther) {
  std::mt19937_64 random(6);
  const Series series = RandomSeries(random, Dtype::kF32, 50, 140);
  const auto sweep_all = [&series] {
    Sweep sweep = MakeSweep(kConstants, Arithmetic::kExact, Weighting::kUniform, series);
    std::vector<ElementRange> answers;
    for (std::size_t i = 0; i < kConstants.size(); ++i) answers.push_back(sweep.Answer(i).range);
    return answers;
  };
  const std::vector<ElementRange> alone = sweep_all();
  std::vector<std::thread> threads;
  std::atomic<int> same = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) same += sweep_all() == alone ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same, 200);
}

TEST(SweepTest, RefusesInvalidConstants) {
  for (const Arithmetic arithmetic : {Arithmetic::kExact, Arithmetic::kReference}) {
    const auto make = [&](const std::vector<double>& constants) {
      return Sweep::Make(constants, arithmetic, Weighting::kUniform).status();
    };
    EXPECT_OK(make({0.0, 1.0}));
    EXPECT_OK(make(std::vector<double>(1024, 0.5)));
    EXPECT_THAT(make({}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 entries")));
    EXPECT_THAT(make(std::vector<double>(1025, 0.5)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1025 entries")));
    for (const double constant : {-0.1, 1.5, kNan, kInf}) {
      EXPECT_THAT(make({0.5, constant}),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("averaging_constants")));
    }
  }
}

}  // namespace
}  // namespace calipers
