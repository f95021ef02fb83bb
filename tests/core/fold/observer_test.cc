#include "core/fold/observer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "core/args/observer_names.h"
#include "core/fold/moving_average.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/elements.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::Packed;
using calipers::testing::Unpacked;
using ::testing::ElementsAre;

// The values of a record, before they are packed.
struct Facts {
  std::vector<double> min;
  std::vector<double> max;
  double global_min = 0.0;
  double global_max = 0.0;
  std::int64_t num_observations = 1;
};

Record ToRecord(Dtype dtype, const Facts& facts) {
  const auto record = Record::Make(
      dtype, facts.num_observations, Packed(dtype, facts.min).bytes, Packed(dtype, facts.max).bytes,
      Packed(dtype, {facts.global_min}).bytes, Packed(dtype, {facts.global_max}).bytes);
  EXPECT_TRUE(record.ok()) << record.status();
  return *record;
}

// A record with one parameter, which is the whole tensor.
Record OneParameter(Dtype dtype, double min, double max, std::int64_t num_observations = 1) {
  return ToRecord(dtype, {{min}, {max}, min, max, num_observations});
}

std::unique_ptr<Observer> Make(absl::string_view name, const ObserverOptions& options = {}) {
  auto observer = MakeObserver(name, options);
  EXPECT_TRUE(observer.ok()) << observer.status();
  return *std::move(observer);
}

FoldedRange Fold(absl::string_view name, const ObserverOptions& options,
                 const std::vector<Record>& series) {
  const auto observer = Make(name, options);
  for (const Record& record : series) observer->Add(record);
  return observer->Answer();
}

// Compares bit for bit.
void ExpectSame(const ElementRange& a, const ElementRange& b) {
  EXPECT_TRUE(a == b) << ::testing::PrintToString(Unpacked(a.min)) << ", "
                      << ::testing::PrintToString(Unpacked(a.max)) << " and "
                      << ::testing::PrintToString(Unpacked(b.min)) << ", "
                      << ::testing::PrintToString(Unpacked(b.max));
}

void ExpectSame(const FoldedRange& a, const FoldedRange& b) {
  ExpectSame(a.range, b.range);
  ExpectSame(a.global, b.global);
  ExpectSame(a.global_of_range, b.global_of_range);
}

// Min and max of an answer with one parameter.
std::pair<double, double> Ends(const FoldedRange& answer) {
  EXPECT_EQ(answer.range.min.size(), 1U);
  return {answer.range.min[0], answer.range.max[0]};
}

std::vector<ObserverOptions> BothArithmetics(double constant) {
  return {{.averaging_constant = constant, .arithmetic = Arithmetic::kExact},
          {.averaging_constant = constant, .arithmetic = Arithmetic::kReference}};
}

TEST(RegistryTest, KnowsItsObserversSorted) {
  EXPECT_THAT(kObserverNames, ElementsAre("memoryless_minmax", "minmax", "static_minmax"));
  for (const absl::string_view name : kObserverNames) EXPECT_TRUE(Make(name)->empty());
}

TEST(RegistryTest, RefusesUnknownObservers) {
  const auto observer = MakeObserver("MinMax", {});
  EXPECT_EQ(observer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(observer.status().message(),
            "observer \"MinMax\" is not known (allowed: memoryless_minmax, minmax, "
            "static_minmax)");
}

// Slow folds, one value at a time --------------------------------------------

double RoundTo(Dtype dtype, double value) { return Packed(dtype, {value})[0]; }

double OracleAverage(Dtype dtype, Arithmetic arithmetic, double c, double past, double current) {
  if (arithmetic == Arithmetic::kExact || dtype == Dtype::kF64) {
    const double kept = past * (1.0 - c);
    const double taken = current * c;
    return kept + taken;
  }
  const Dtype tensor_dtype = IsFloat(dtype) ? dtype : Dtype::kF32;
  const float keep = static_cast<float>(1.0 - c);
  const float take = static_cast<float>(c);
  const float kept = static_cast<float>(past) * keep;
  const float taken = static_cast<float>(current) * take;
  const float sum = static_cast<float>(RoundTo(tensor_dtype, kept)) +
                    static_cast<float>(RoundTo(tensor_dtype, taken));
  return RoundTo(tensor_dtype, sum);
}

struct OracleFold {
  std::string name;
  Dtype dtype;
  ObserverOptions options;

  std::vector<double> Fold(const std::vector<std::vector<double>>& series,
                           const std::vector<double>& weights, bool is_min) const {
    const bool promotes = options.arithmetic == Arithmetic::kReference && !IsFloat(dtype);
    std::vector<double> state;
    for (std::size_t r = 0; r < series.size(); ++r) {
      for (std::size_t i = 0; i < series[r].size(); ++i) {
        const double raw = RoundTo(dtype, series[r][i]);
        const double current = promotes ? static_cast<double>(static_cast<float>(raw)) : raw;
        if (r == 0) {
          state.push_back(current);
        } else if (name == "memoryless_minmax" || (name == "minmax" && weights[r] == 1.0)) {
          state[i] = current;
        } else if (name == "minmax") {
          state[i] = OracleAverage(dtype, options.arithmetic, weights[r], state[i], current);
        } else if (std::isnan(state[i]) || std::isnan(current)) {
          state[i] = kNan;
        } else {
          state[i] = is_min ? std::min(state[i], current) : std::max(state[i], current);
        }
      }
    }
    return state;
  }

  FoldedRange Answer(const std::vector<Facts>& series) const {
    std::vector<std::vector<double>> min, max, global_min, global_max;
    std::vector<double> weights;
    for (const Facts& facts : series) {
      min.push_back(facts.min);
      max.push_back(facts.max);
      global_min.push_back({facts.global_min});
      global_max.push_back({facts.global_max});
      weights.push_back(options.weighting == Weighting::kUniform
                            ? options.averaging_constant
                            : CombinedWeight(options.averaging_constant, facts.num_observations));
    }
    const Dtype answer = options.arithmetic == Arithmetic::kExact ? Dtype::kF64
                         : IsFloat(dtype)                         ? dtype
                                                                  : Dtype::kF32;
    const auto folded_min = Fold(min, weights, true);
    const auto folded_max = Fold(max, weights, false);
    return {.range = {Packed(answer, folded_min), Packed(answer, folded_max)},
            .global = {Packed(answer, Fold(global_min, weights, true)),
                       Packed(answer, Fold(global_max, weights, false))},
            .global_of_range = {
                Packed(answer, {*std::min_element(folded_min.begin(), folded_min.end())}),
                Packed(answer, {*std::max_element(folded_max.begin(), folded_max.end())})}};
  }
};

Facts RandomFacts(std::mt19937_64& random, Dtype dtype, std::size_t n) {
  // So large that float32 cannot represent all of the integers.
  const double high = dtype == Dtype::kI32 ? 2e9 : dtype == Dtype::kI64 ? 4e15 : 120.0;
  std::uniform_real_distribution<double> value(dtype == Dtype::kU8 ? 0.0 : -high, high);
  Facts facts;
  for (std::size_t i = 0; i < n; ++i) {
    const double a = RoundTo(dtype, value(random));
    const double b = RoundTo(dtype, value(random));
    facts.min.push_back(std::min(a, b));
    facts.max.push_back(std::max(a, b));
  }
  facts.global_min = *std::min_element(facts.min.begin(), facts.min.end());
  facts.global_max = *std::max_element(facts.max.begin(), facts.max.end());
  facts.num_observations = static_cast<std::int64_t>(random() % 5);
  return facts;
}

class ObserverOracleTest : public ::testing::TestWithParam<Dtype> {};

INSTANTIATE_TEST_SUITE_P(EveryDtype, ObserverOracleTest, ::testing::ValuesIn(kAllDtypes),
                         [](const auto& test) { return std::string(DtypeName(test.param)); });

TEST_P(ObserverOracleTest, SameBits) {
  const Dtype dtype = GetParam();
  std::mt19937_64 random(static_cast<unsigned>(dtype) + 1);
  for (int round = 0; round < 60; ++round) {
    const std::size_t n = 1 + random() % 20;
    std::vector<Facts> series(1 + random() % 30);
    std::vector<Record> records;
    for (Facts& facts : series) {
      facts = RandomFacts(random, dtype, n);
      records.push_back(ToRecord(dtype, facts));
    }
    for (const Arithmetic arithmetic : {Arithmetic::kExact, Arithmetic::kReference}) {
      if (arithmetic == Arithmetic::kReference && IsFloat8(dtype)) continue;
      for (const Weighting weighting : {Weighting::kUniform, Weighting::kNumObservations}) {
        for (const double constant : {0.0, 0.01, 0.3, 1.0}) {
          const ObserverOptions options{constant, arithmetic, weighting};
          for (const absl::string_view name : kObserverNames) {
            const OracleFold oracle{std::string(name), dtype, options};
            ExpectSame(Fold(name, options, records), oracle.Answer(series));
            if (HasFailure()) {
              FAIL() << name << " constant " << constant << " arithmetic "
                     << static_cast<int>(arithmetic) << " weighting "
                     << static_cast<int>(weighting);
            }
          }
        }
      }
    }
  }
}

TEST(MinmaxTest, ExactIsNearTheTrueAverage) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> value(0.5, 100.0);
  constexpr long double kConstant = 0.01;
  const auto observer = Make("minmax", {.averaging_constant = 0.01});
  long double average = 0.0L;
  for (int i = 0; i < 5000; ++i) {
    const double x = RoundTo(Dtype::kBF16, value(random));
    observer->Add(OneParameter(Dtype::kBF16, x, x));
    average = i == 0 ? x : average * (1.0L - kConstant) + x * kConstant;
    // The error that docs/numbers.md states.
    ASSERT_NEAR(observer->Answer().range.min[0], static_cast<double>(average),
                (i + 1) * 0x1p-52 * 100);
  }
}

// The results of the reference's arithmetic that the design documents. A moving average with so few
// digits cannot move away from them.
TEST(MinmaxTest, ReferenceStallsWhereExactConverges) {
  const auto settle = [](Dtype dtype, Arithmetic arithmetic, double from, double to) {
    const auto observer = Make("minmax", {.arithmetic = arithmetic});
    observer->Add(OneParameter(dtype, from, from));
    for (int i = 0; i < 5000; ++i) observer->Add(OneParameter(dtype, to, to));
    return observer->Answer().range.max[0];
  };
  EXPECT_EQ(settle(Dtype::kBF16, Arithmetic::kReference, 10.0, 20.0), 15.6875);
  EXPECT_EQ(settle(Dtype::kBF16, Arithmetic::kReference, 20.0, 10.0), 18.625);
  EXPECT_EQ(settle(Dtype::kBF16, Arithmetic::kReference, 10.0, 11.0), 10.0);
  EXPECT_NEAR(settle(Dtype::kF16, Arithmetic::kReference, 10.0, 20.0), 19.55, 0.01);
  EXPECT_NEAR(settle(Dtype::kBF16, Arithmetic::kExact, 10.0, 20.0), 20.0, 1e-10);
  EXPECT_NEAR(settle(Dtype::kBF16, Arithmetic::kExact, 10.0, 11.0), 11.0, 1e-10);
}

TEST(MinmaxTest, TheFirstRecordIsTakenAsItIs) {
  for (const double constant : {0.0, 0.01, 1.0}) {
    for (const ObserverOptions& options : BothArithmetics(constant)) {
      EXPECT_EQ(Ends(Fold("minmax", options, {OneParameter(Dtype::kF16, -3.5, 7.25)})),
                std::make_pair(-3.5, 7.25));
      // The same holds if the record has no observations.
      ObserverOptions weighted = options;
      weighted.weighting = Weighting::kNumObservations;
      EXPECT_EQ(Ends(Fold("minmax", weighted, {OneParameter(Dtype::kF16, -3.5, 7.25, 0)})),
                std::make_pair(-3.5, 7.25));
    }
  }
}

TEST(MinmaxTest, ConstantZeroKeepsTheFirstRecord) {
  for (const ObserverOptions& options : BothArithmetics(0.0)) {
    EXPECT_EQ(
        Ends(Fold("minmax", options,
                  {OneParameter(Dtype::kF32, -1.0, 2.0), OneParameter(Dtype::kF32, -8.0, 9.0)})),
        std::make_pair(-1.0, 2.0));
  }
}

TEST(MinmaxTest, ConstantOneTakesTheNewestRecord) {
  for (const ObserverOptions& options : BothArithmetics(1.0)) {
    EXPECT_EQ(
        Ends(Fold("minmax", options,
                  {OneParameter(Dtype::kBF16, -kInf, kInf), OneParameter(Dtype::kBF16, kNan, kNan),
                   OneParameter(Dtype::kBF16, -2.0, 3.0)})),
        std::make_pair(-2.0, 3.0));
  }
}

TEST(MinmaxTest, InfinityAndNanFollowIeee) {
  for (const ObserverOptions& options : BothArithmetics(0.25)) {
    for (const Dtype dtype : {Dtype::kF64, Dtype::kF32, Dtype::kF16, Dtype::kBF16}) {
      const Record finite = OneParameter(dtype, -1.0, 1.0);
      const Record infinite = OneParameter(dtype, -kInf, kInf);
      EXPECT_EQ(Ends(Fold("minmax", options, {finite, infinite, finite})),
                std::make_pair(-kInf, kInf));
      // The lower infinity comes first, then the upper infinity.
      const auto opposed = Fold(
          "minmax", options, {OneParameter(dtype, -kInf, -kInf), OneParameter(dtype, kInf, kInf)});
      const Dtype answer = opposed.range.min.dtype;
      const FoldedRange nan{.range = {Packed(answer, {kNan}), Packed(answer, {kNan})},
                            .global = {Packed(answer, {kNan}), Packed(answer, {kNan})},
                            .global_of_range = {Packed(answer, {kNan}), Packed(answer, {kNan})}};
      ExpectSame(opposed, nan);
      ExpectSame(Fold("minmax", options, {finite, OneParameter(dtype, kNan, kNan), finite}), nan);
    }
  }
  // The product of 0 and infinity is NaN.
  for (const ObserverOptions& options : BothArithmetics(0.0)) {
    const auto [min, max] =
        Ends(Fold("minmax", options,
                  {OneParameter(Dtype::kF32, -1.0, 1.0), OneParameter(Dtype::kF32, 1.0, kInf)}));
    EXPECT_EQ(min, -1.0);
    EXPECT_TRUE(std::isnan(max));
  }
}

TEST(MinmaxTest, OneNanParameterIsAllOfTheExtremes) {
  const FoldedRange answer =
      Fold("minmax", {}, {ToRecord(Dtype::kF32, {{1.0, kNan, 3.0}, {2.0, kNan, 5.0}, kNan, kNan})});
  EXPECT_EQ(answer.range.min[0], 1.0);
  EXPECT_TRUE(std::isnan(answer.range.min[1]));
  EXPECT_EQ(answer.range.max[2], 5.0);
  EXPECT_TRUE(std::isnan(answer.global_of_range.min[0]));
  EXPECT_TRUE(std::isnan(answer.global_of_range.max[0]));
}

// With this constant, 65504 is kept as 62048 and added as 3472, both rounded up. The sum is half a
// unit above the largest binary16.
TEST(MinmaxTest, ReferenceOverflowsWithTheDtype) {
  const Record largest = OneParameter(Dtype::kF16, -65504.0, 65504.0);
  const auto twice = [&largest](Arithmetic arithmetic) {
    return Ends(Fold("minmax", {.averaging_constant = 0.053, .arithmetic = arithmetic},
                     {largest, largest}));
  };
  EXPECT_EQ(twice(Arithmetic::kReference), std::make_pair(-kInf, kInf));
  EXPECT_EQ(twice(Arithmetic::kExact), std::make_pair(-65504.0, 65504.0));
}

// Neither is in float32.
TEST(MinmaxTest, ExactArithmeticKeepsFloat64) {
  for (const double end : {1e300, 1e39, 1e-320, 1.0 / 3}) {
    EXPECT_EQ(Ends(Fold("minmax", {}, {OneParameter(Dtype::kF64, -end, end)})),
              std::make_pair(-end, end));
  }
  // 1 and then 2 with 0.01: 1.01, which float32 does not hold either.
  EXPECT_EQ(
      Ends(Fold("minmax", {}, {OneParameter(Dtype::kF32, 1, 1), OneParameter(Dtype::kF32, 2, 2)}))
          .first,
      1.01);
}

TEST(MinmaxTest, WeightsByObservations) {
  const ObserverOptions uniform{.averaging_constant = 0.3};
  const ObserverOptions weighted{.averaging_constant = 0.3,
                                 .weighting = Weighting::kNumObservations};
  const auto series = [](std::int64_t n) {
    return std::vector<Record>{OneParameter(Dtype::kF64, 1.0, 1.1, 1),
                               OneParameter(Dtype::kF64, 7.0, 7.7, n)};
  };
  // One observation gives the same result as without weights. Without weights, counts have no
  // effect.
  ExpectSame(Fold("minmax", weighted, series(1)), Fold("minmax", uniform, series(1)));
  ExpectSame(Fold("minmax", uniform, series(9)), Fold("minmax", uniform, series(1)));
  // A record of two observations counts as much as two records, here up to the last rounding.
  auto twice = series(1);
  twice.push_back(twice.back());
  EXPECT_NEAR(Ends(Fold("minmax", weighted, series(2))).first,
              Ends(Fold("minmax", uniform, twice)).first, 1e-6);
  EXPECT_EQ(Ends(Fold("minmax", weighted, series(0))).first, 1.0);
  EXPECT_EQ(Ends(Fold("minmax", weighted, series(std::int64_t{1} << 40))).first, 7.0);
}

TEST(MinmaxTest, GlobalFoldsApartFromTheParameters) {
  // The extremes of averages differ from the average of extremes.
  const std::vector<Record> series = {ToRecord(Dtype::kF32, {{0.0, 0.0}, {8.0, 0.0}, 0.0, 8.0}),
                                      ToRecord(Dtype::kF32, {{0.0, 0.0}, {0.0, 8.0}, 0.0, 8.0})};
  const FoldedRange answer = Fold("minmax", {.averaging_constant = 0.5}, series);
  EXPECT_THAT(Unpacked(answer.range.max), ElementsAre(4.0, 4.0));
  EXPECT_EQ(answer.global_of_range.max[0], 4.0);
  EXPECT_EQ(answer.global.max[0], 8.0);
}

TEST(StaticMinmaxTest, TakesTheExtremes) {
  for (const ObserverOptions& options : BothArithmetics(0.01)) {
    EXPECT_EQ(Ends(Fold("static_minmax", options,
                        {OneParameter(Dtype::kF16, -1.0, 2.0), OneParameter(Dtype::kF16, 0.5, 9.0),
                         OneParameter(Dtype::kF16, -3.0, 1.0)})),
              std::make_pair(-3.0, 9.0));
    const auto [min, max] =
        Ends(Fold("static_minmax", options,
                  {OneParameter(Dtype::kF16, kNan, kNan), OneParameter(Dtype::kF16, -kInf, kInf)}));
    EXPECT_TRUE(std::isnan(min));
    EXPECT_TRUE(std::isnan(max));
  }
}

TEST(StaticMinmaxTest, NegativeZeroIsBelowZero) {
  for (const bool negative_first : {false, true}) {
    std::vector<Record> series = {OneParameter(Dtype::kF32, 0.0, 0.0),
                                  OneParameter(Dtype::kF32, -0.0, -0.0)};
    if (negative_first) std::reverse(series.begin(), series.end());
    const auto [min, max] = Ends(Fold("static_minmax", {}, series));
    EXPECT_TRUE(std::signbit(min));
    EXPECT_FALSE(std::signbit(max));
  }
}

TEST(MemorylessMinmaxTest, TakesTheNewest) {
  for (const ObserverOptions& options : BothArithmetics(0.01)) {
    EXPECT_EQ(Ends(Fold("memoryless_minmax", options,
                        {OneParameter(Dtype::kI8, -100, 100), OneParameter(Dtype::kI8, 3, 4),
                         Record::Empty(Dtype::kI8, 5)})),
              std::make_pair(3.0, 4.0));
  }
}

TEST(AnswerTest, DtypeFollowsTheArithmetic) {
  for (const absl::string_view name : kObserverNames) {
    for (const Dtype dtype : kAllDtypes) {
      const std::vector<Record> series = {OneParameter(dtype, 1.0, 2.0)};
      const auto dtype_of = [&](Arithmetic arithmetic) {
        return Fold(name, {.arithmetic = arithmetic}, series).range.min.dtype;
      };
      EXPECT_EQ(dtype_of(Arithmetic::kExact), Dtype::kF64);
      if (IsFloat8(dtype)) continue;
      EXPECT_EQ(dtype_of(Arithmetic::kReference), IsFloat(dtype) ? dtype : Dtype::kF32);
    }
  }
}

// In reference arithmetic, an integer becomes float32 in one rounding. Two roundings, through
// float64, would lose its last bit, and the rest is a tie.
TEST(AnswerTest, ReferenceRoundsInt64Once) {
  const std::int64_t value = (((std::int64_t{1} << 24) + 1) << 30) + 1;
  std::vector<std::byte> bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  const Record record = Record::Make(Dtype::kI64, 1, bytes, bytes, bytes, bytes).value();
  for (const absl::string_view name : kObserverNames) {
    const FoldedRange answer = Fold(name, {.arithmetic = Arithmetic::kReference}, {record});
    EXPECT_EQ(answer.range.min[0], static_cast<double>(static_cast<float>(value)));
    EXPECT_EQ(answer.range.min[0], static_cast<double>((std::int64_t{1} << 54) + (1LL << 31)));
  }
}

TEST(EveryObserverTest, EmptyRecordsChangeNothing) {
  const Record first = OneParameter(Dtype::kBF16, -1.0, 2.0);
  const Record second = OneParameter(Dtype::kBF16, -5.0, 3.0);
  const Record nothing = Record::Empty(Dtype::kBF16, 100);
  for (const absl::string_view name : kObserverNames) {
    const auto observer = Make(name);
    observer->Add(nothing);
    EXPECT_TRUE(observer->empty());
    observer->Add(first);
    EXPECT_FALSE(observer->empty());
    ExpectSame(Fold(name, {}, {nothing, first, nothing, nothing, second, nothing}),
               Fold(name, {}, {first, second}));
  }
}

TEST(EveryObserverTest, RepeatedAnswersChangeNothing) {
  for (const absl::string_view name : kObserverNames) {
    const auto observer = Make(name, {.averaging_constant = 0.3});
    observer->Add(OneParameter(Dtype::kF32, -0.1, 0.1));
    for (int i = 0; i < 3; ++i) observer->Answer();
    observer->Add(OneParameter(Dtype::kF32, -0.2, 0.7));
    ExpectSame(observer->Answer(),
               Fold(name, {.averaging_constant = 0.3},
                    {OneParameter(Dtype::kF32, -0.1, 0.1), OneParameter(Dtype::kF32, -0.2, 0.7)}));
  }
}

TEST(EveryObserverTest, ClonesAreIndependent) {
  const Record a = OneParameter(Dtype::kF32, -1.0, 1.0);
  const Record b = OneParameter(Dtype::kF32, -3.0, 2.0);
  const Record c = OneParameter(Dtype::kF32, -2.0, 4.0);
  const ObserverOptions options{.averaging_constant = 0.3};
  for (const absl::string_view name : kObserverNames) {
    const auto original = Make(name, options);
    EXPECT_TRUE(original->Clone()->empty());
    original->Add(a);
    const auto clone = original->Clone();
    clone->Add(b);
    ExpectSame(original->Answer(), Fold(name, options, {a}));
    original->Add(c);
    ExpectSame(clone->Answer(), Fold(name, options, {a, b}));
    ExpectSame(original->Answer(), Fold(name, options, {a, c}));
  }
}

}  // namespace
}  // namespace calipers
