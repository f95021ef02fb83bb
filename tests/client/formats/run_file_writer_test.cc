#include "client/formats/run_file_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/elements.h"
#include "tests/support/run_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_directory.h"

namespace calipers::client {
namespace {

using calipers::testing::Dropped;
using calipers::testing::kNan;
using calipers::testing::Packed;
using calipers::testing::RecordParts;
using calipers::testing::SafetensorsParts;
using calipers::testing::SessionParts;
using calipers::testing::StatusIs;
using calipers::testing::ToSeriesRecord;
using calipers::testing::ToText;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

// One fold step, from the past value, the new value, and its number of observations.
using Step = std::function<double(double, double, std::int64_t)>;

// Folds a parameter in a plain loop: takes the first value as it is, then folds step by step.
double Fold(const std::vector<double>& values, const std::vector<std::int64_t>& observations,
            const Step& step) {
  double past = values.at(0);
  for (std::size_t i = 1; i < values.size(); ++i) past = step(past, values[i], observations[i]);
  return past;
}

class RunFileWriterTest : public ::testing::Test {
 protected:
  RunFileWriterTest() { std::filesystem::create_directories(directory_.path()); }

  SafetensorsParts Write(const v1::Session& session, std::vector<v1::SeriesRecord> records,
                         const std::vector<std::int64_t>& qparam_shape = {kParams},
                         std::optional<FoldedRange> answer = std::nullopt) {
    testing::WriteRunFile(path_, {{"m/k", session, std::move(records), qparam_shape, answer}});
    return SafetensorsParts(testing::ReadFile(path_));
  }

  // Random records, some of them empty. Also the minima of the other records, by parameter and of
  // the whole tensors.
  struct Series {
    std::vector<v1::SeriesRecord> records;
    std::vector<std::int64_t> observations;
    std::vector<std::vector<double>> mins = std::vector<std::vector<double>>(kParams);
    std::vector<double> global_mins;
  };
  Series RandomSeries(Dtype dtype);

  // Expects that the file's answer is this fold of the minima, as elements of `answered`.
  void ExpectFolded(const v1::Session& session, Dtype observed, Dtype answered, const Step& step);

  static constexpr int kParams = 3;
  testing::TempDirectory directory_;
  const std::string path_ = directory_.path() + "/run.safetensors";
  std::mt19937 random_{17};
};

RunFileWriterTest::Series RunFileWriterTest::RandomSeries(Dtype dtype) {
  Series series;
  for (int i = 0; i < 40; ++i) {
    RecordParts parts{.index = i, .dtype = dtype};
    parts.num_observations = 1 + static_cast<std::int64_t>(random_() % 5);
    if (i % 7 != 3) {
      for (int p = 0; p < kParams; ++p) {
        // Rounded to the dtype, so that the loop and the file start with equal values.
        const Elements min = Packed(dtype, {-0.001 * static_cast<double>(random_() % 100000)});
        parts.min.push_back(min[0]);
        parts.max.push_back(Packed(dtype, {min[0] + 50})[0]);
        series.mins[static_cast<std::size_t>(p)].push_back(min[0]);
      }
      series.global_mins.push_back(*std::min_element(parts.min.begin(), parts.min.end()));
      series.observations.push_back(parts.num_observations);
    }
    series.records.push_back(ToSeriesRecord(parts));
  }
  return series;
}

void RunFileWriterTest::ExpectFolded(const v1::Session& session, Dtype observed, Dtype answered,
                                     const Step& step) {
  SCOPED_TRACE(absl::StrCat(DtypeName(observed), " ", session.ShortDebugString()));
  const Series series = RandomSeries(observed);
  SafetensorsParts parts = Write(session, series.records);
  std::vector<double> expected;
  for (const auto& mins : series.mins) expected.push_back(Fold(mins, series.observations, step));
  EXPECT_EQ(parts.Tensor("m/k/range_min"), ToText(Packed(answered, expected)));
  EXPECT_EQ(parts.header()["m/k/range_min"]["dtype"], std::string(DtypeName(answered)));
  EXPECT_EQ(parts.header()["m/k/range_min"]["shape"], json({kParams}));
  const json answer = parts.Session("m/k")["answer"];
  EXPECT_EQ(answer["count"], series.records.size());
  const double global = Fold(series.global_mins, series.observations, step);
  EXPECT_EQ(answer["global"]["min"].get<double>(), Packed(answered, {global})[0]);
  const double least = *std::min_element(expected.begin(), expected.end());
  EXPECT_EQ(answer["global_of_range"]["min"].get<double>(), Packed(answered, {least})[0]);
  EXPECT_FALSE(parts.Session("m/k").contains("no_answer"));
}

v1::Session WithObserver(const std::string& observer) {
  v1::Session session;
  session.mutable_args()->set_observer(observer);
  return session;
}

TEST_F(RunFileWriterTest, MovingAverageInFloat64RoundedOnce) {
  v1::Session session = WithObserver("minmax");
  session.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.3);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF64, Dtype::kI32, Dtype::kF8E4M3}) {
    ExpectFolded(session, dtype, Dtype::kF64, [](double past, double current, std::int64_t) {
      return past * (1 - 0.3) + current * 0.3;
    });
  }
}

TEST_F(RunFileWriterTest, TheConstantIsAHundredthUnlessGiven) {
  ExpectFolded({}, Dtype::kF32, Dtype::kF64, [](double past, double current, std::int64_t) {
    return past * (1 - 0.01) + current * 0.01;
  });
}

TEST_F(RunFileWriterTest, WeightedByObservations) {
  v1::Session session = WithObserver("minmax");
  session.set_weighting(v1::WEIGHTING_NUM_OBSERVATIONS);
  const Series series = RandomSeries(Dtype::kF32);
  SafetensorsParts parts = Write(session, series.records);
  for (int p = 0; p < kParams; ++p) {
    const double expected = Fold(series.mins[static_cast<std::size_t>(p)], series.observations,
                                 [](double past, double current, std::int64_t observations) {
                                   const double keep =
                                       std::pow(1 - 0.01, static_cast<double>(observations));
                                   return past * keep + current * (1 - keep);
                                 });
    double answered = 0;
    std::memcpy(&answered, parts.Tensor("m/k/range_min").data() + p * sizeof(answered),
                sizeof(answered));
    EXPECT_NEAR(answered, expected, std::fabs(expected) * 1e-12);
  }
}

TEST_F(RunFileWriterTest, RoundedAtEachStepInReferenceArithmetic) {
  v1::Session session = WithObserver("minmax");
  session.set_arithmetic(v1::ARITHMETIC_REFERENCE);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF16}) {
    const auto round = [dtype](float value) {
      return static_cast<float>(Packed(dtype, {value})[0]);
    };
    ExpectFolded(session, dtype, dtype, [&](double past, double current, std::int64_t) -> double {
      const float kept = round(static_cast<float>(past) * static_cast<float>(1 - 0.01));
      const float come = round(static_cast<float>(current) * 0.01F);
      return round(kept + come);
    });
  }
}

TEST_F(RunFileWriterTest, StaticKeepsTheExtremesAndMemorylessTheLast) {
  for (const auto arithmetic : {v1::ARITHMETIC_EXACT, v1::ARITHMETIC_REFERENCE}) {
    const Dtype answered = arithmetic == v1::ARITHMETIC_EXACT ? Dtype::kF64 : Dtype::kBF16;
    v1::Session session = WithObserver("static_minmax");
    session.set_arithmetic(arithmetic);
    ExpectFolded(session, Dtype::kBF16, answered,
                 [](double past, double current, std::int64_t) { return std::min(past, current); });
    session.mutable_args()->set_observer("memoryless_minmax");
    ExpectFolded(session, Dtype::kBF16, answered,
                 [](double, double current, std::int64_t) { return current; });
  }
}

TEST_F(RunFileWriterTest, NanFollowsTheNonFinitePolicy) {
  const std::vector<v1::SeriesRecord> records = {
      ToSeriesRecord({0, {-1, -2}, {1, 2}}), ToSeriesRecord({1, {kNan, -7}, {kNan, 7}}),
      ToSeriesRecord({2, {-3, -4}, {3, 4}}), ToSeriesRecord({3, {-5, -INFINITY}, {5, INFINITY}})};
  v1::Session session = WithObserver("static_minmax");
  SafetensorsParts propagated = Write(session, records, {2});
  EXPECT_EQ(propagated.Tensor("m/k/range_min"), ToText(Packed(Dtype::kF64, {kNan, -INFINITY})));
  const json answer = propagated.Session("m/k")["answer"];
  EXPECT_EQ(answer["global_of_range"]["max"], "NaN");
  EXPECT_EQ(answer["count"], 4);
  session.set_non_finite_policy(v1::NON_FINITE_POLICY_SKIP);
  SafetensorsParts skipped = Write(session, records, {2});
  EXPECT_EQ(skipped.Tensor("m/k/range_min"), ToText(Packed(Dtype::kF64, {-3, -4})));
  EXPECT_EQ(skipped.Tensor("m/k/range_max"), ToText(Packed(Dtype::kF64, {3, 4})));
  EXPECT_EQ(skipped.Session("m/k")["answer"]["global_of_range"]["max"], 4.0);
}

TEST_F(RunFileWriterTest, WithoutAnythingToFoldThereIsNoAnswer) {
  v1::Session skip;
  skip.set_non_finite_policy(v1::NON_FINITE_POLICY_SKIP);
  const std::vector<std::vector<v1::SeriesRecord>> cases = {
      {},
      {ToSeriesRecord({.index = 0})},
      {ToSeriesRecord({.index = 0}), ToSeriesRecord({1, {kNan}, {kNan}})},
  };
  for (const auto& records : cases) {
    SafetensorsParts parts = Write(skip, records, {1});
    EXPECT_FALSE(parts.header().contains("m/k/range_min"));
    const json session = parts.Session("m/k");
    EXPECT_FALSE(session.contains("answer"));
    EXPECT_THAT(session["no_answer"].get<std::string>(), HasSubstr("nothing to fold"));
  }
}

TEST_F(RunFileWriterTest, DroppedValuesUseTheServersAnswer) {
  const std::vector<v1::SeriesRecord> records = {Dropped(ToSeriesRecord({0, {-9}, {9}})),
                                                 ToSeriesRecord({1, {-1}, {1}})};
  v1::Session session;
  session.set_retention(v1::RETENTION_FOLDED);
  SafetensorsParts without = Write(session, records, {1});
  EXPECT_FALSE(without.header().contains("m/k/range_min"));
  EXPECT_THAT(without.Session("m/k")["no_answer"].get<std::string>(), HasSubstr("dropped"));
  const auto range = [](double end) {
    return ElementRange{Packed(Dtype::kF64, {-end}), Packed(Dtype::kF64, {end})};
  };
  SafetensorsParts with = Write(session, records, {1}, FoldedRange{range(5), range(6), range(7)});
  EXPECT_EQ(with.Tensor("m/k/range_min"), ToText(Packed(Dtype::kF64, {-5})));
  EXPECT_EQ(with.Tensor("m/k/range_max"), ToText(Packed(Dtype::kF64, {5})));
  const json answer = with.Session("m/k")["answer"];
  EXPECT_EQ(answer["global"]["min"], -6.0);
  EXPECT_EQ(answer["global_of_range"]["max"], 7.0);
  EXPECT_EQ(answer["count"], 2);
}

// The server's answer may include later records, so it is ignored.
TEST_F(RunFileWriterTest, PresentValuesAreFoldedWithoutTheServersAnswer) {
  const auto range = [](double end) {
    return ElementRange{Packed(Dtype::kF64, {-end}), Packed(Dtype::kF64, {end})};
  };
  SafetensorsParts parts =
      Write({}, {ToSeriesRecord({0, {-1}, {1}})}, {1}, FoldedRange{range(5), range(5), range(5)});
  EXPECT_EQ(parts.Tensor("m/k/range_max"), ToText(Packed(Dtype::kF64, {1})));
}

TEST_F(RunFileWriterTest, SpecThatNoSessionHasIsRefused) {
  const auto writer = RunFileWriter::Create(path_, "r");
  ASSERT_OK(writer);
  EXPECT_THAT((*writer)->BeginSession("m/k", WithObserver("mean")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mean")));
  v1::Session session;
  session.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(2);
  EXPECT_THAT((*writer)->BeginSession("m/k", session),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("averaging_constant is 2")));
}

TEST_F(RunFileWriterTest, RecordThatDoesNotFitIsRefusedByName) {
  const auto add = [this](const v1::SeriesRecord& second, const v1::Session& session = {}) {
    const auto writer = RunFileWriter::Create(path_, "r");
    EXPECT_OK(writer);
    EXPECT_OK((*writer)->BeginSession("m/k", session));
    const absl::Status first = (*writer)->Add(ToSeriesRecord({0, {-1, -2}, {1, 2}}));
    return first.ok() ? (*writer)->Add(second) : first;
  };
  const auto refused = [](const std::string& said) {
    return StatusIs(absl::StatusCode::kInvalidArgument,
                    AllOf(HasSubstr("m/k"), HasSubstr("record 7"), HasSubstr(said)));
  };
  EXPECT_OK(add(ToSeriesRecord({7, {-1, -2}, {1, 2}})));
  EXPECT_THAT(add(ToSeriesRecord({7, {-1, -2}, {1, 2}, Dtype::kF16})), refused("F16"));
  EXPECT_THAT(add(ToSeriesRecord({7, {-1}, {1}})), refused("1 parameters"));
  EXPECT_THAT(add(ToSeriesRecord({7, {1, 1}, {-1, -1}})), refused("min"));
  v1::SeriesRecord cut = ToSeriesRecord({7, {-1, -2}, {1, 2}});
  cut.mutable_observation()->mutable_max()->pop_back();
  EXPECT_THAT(add(cut), refused("max"));
}

}  // namespace
}  // namespace calipers::client
