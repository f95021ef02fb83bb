#include "server/model/series_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::MakeRecord;
using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<std::int64_t> kTwoParameters = {2};
const std::vector<std::int64_t> kThreeParameters = {3};

std::shared_ptr<const SeriesRecord> Observed(const Record& record) {
  return SeriesRecord::Make(record, {2, 4}, std::make_shared<const std::string>("w"));
}

TEST(SeriesFactsTest, WithoutRecordsThereIsNoForm) {
  const SeriesFacts facts = {};
  EXPECT_EQ(facts.Summary(), SeriesSummary());
  EXPECT_FALSE(facts.Form().dtype);
  EXPECT_FALSE(facts.Form().qparam_shape);
}

TEST(SeriesFactsTest, RecordIsAddedToIndicesFormAndCounts) {
  SeriesFacts facts;
  facts.Add({}, 7, *Observed(*MakeRecord(0, 1, 5)), kTwoParameters);
  EXPECT_EQ(facts.indices.Ranges(), (std::vector<IndexRange>{{7, 8}}));
  EXPECT_EQ(facts.dtype, Dtype::kF32);
  EXPECT_EQ(facts.qparam_shape, kTwoParameters);
  EXPECT_EQ(facts.coverage.count, 1);
  EXPECT_EQ(facts.coverage.num_observations, 5);
  EXPECT_EQ(facts.coverage.workers.at("w").batches, 1);
}

TEST(SeriesFactsTest, EmptyRecordFixesNeitherDtypeNorShape) {
  SeriesFacts facts;
  const auto empty = Observed(Record::Empty(Dtype::kBF16, 1));
  facts.Add({}, 0, *empty, kThreeParameters);
  EXPECT_FALSE(facts.dtype);
  EXPECT_FALSE(facts.qparam_shape);
  facts.Add({}, 1, *Observed(*MakeRecord(0, 1)), kTwoParameters);
  facts.Add({}, 2, *empty, kThreeParameters);
  EXPECT_EQ(facts.dtype, Dtype::kF32);
  EXPECT_EQ(facts.qparam_shape, kTwoParameters);
}

TEST(SeriesFactsTest, ShapeWithoutDimensionsIsAShape) {
  SeriesFacts facts;
  facts.Add({}, 0, *Observed(*MakeRecord(0, 1)), {});
  ASSERT_TRUE(facts.Form().qparam_shape);
  EXPECT_TRUE(facts.Form().qparam_shape->empty());
}

TEST(SeriesFactsTest, TheSummaryHasEachNumber) {
  SeriesFacts facts;
  for (const BatchIndex index : {0, 1, 2, 7, 9}) facts.indices.Insert(index);
  facts.coverage.count = 50;
  facts.coverage.folded_count = 40;
  facts.coverage.num_observations = 60;
  facts.coverage.empty_batches = 5;
  facts.conflict_count = 11;
  facts.checkpoint_end = 12;
  facts.sealed_count = 13;
  const SeriesSummary summary = facts.Summary();
  EXPECT_EQ(summary.count, 50);
  EXPECT_EQ(summary.folded_count, 40);
  EXPECT_EQ(summary.num_observations, 60);
  EXPECT_EQ(summary.empty_batches, 5);
  EXPECT_EQ(summary.contiguous_prefix, 3);
  EXPECT_EQ(summary.end_index, 10);
  EXPECT_EQ(summary.missing_range_count, 2);
  EXPECT_EQ(summary.conflict_count, 11);
  EXPECT_EQ(summary.checkpoint_end, 12);
  EXPECT_EQ(summary.sealed_count, 13);
}

TEST(SeriesFactsTest, TheFormPointsIntoTheFacts) {
  SeriesFacts facts;
  facts.dtype = Dtype::kBF16;
  facts.qparam_shape = kTwoParameters;
  const SeriesForm form = facts.Form();
  EXPECT_EQ(form.dtype, Dtype::kBF16);
  ASSERT_TRUE(form.qparam_shape);
  EXPECT_EQ(*form.qparam_shape, kTwoParameters);
  EXPECT_EQ(form.qparam_shape->data(), facts.qparam_shape->data());
}

absl::Status FitsInto(const SeriesForm& series, const RecordForm& record) {
  return CheckFits(*SessionName::Parse("runs/r/sessions/m/input"), series, record);
}

TEST(CheckFitsTest, SeriesWithoutAFormAcceptsEveryRecord) {
  EXPECT_OK(FitsInto({}, {Dtype::kBF16, false, kTwoParameters}));
  EXPECT_OK(FitsInto({Dtype::kF32, {}}, {Dtype::kF32, false, kTwoParameters}));
}

TEST(CheckFitsTest, AnotherDtypeIsRefusedByTheNameOfTheSession) {
  const SeriesForm series = {Dtype::kF32, kTwoParameters};
  EXPECT_OK(FitsInto(series, {Dtype::kF32, false, kTwoParameters}));
  EXPECT_OK(FitsInto(series, {Dtype::kBF16, true, kTwoParameters}));
  EXPECT_THAT(FitsInto(series, {Dtype::kBF16, false, kTwoParameters}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("runs/r/sessions/m/input"), HasSubstr("BF16"),
                             HasSubstr("F32 records"))));
}

TEST(CheckFitsTest, AnotherShapeIsRefusedUnlessTheRecordIsEmpty) {
  const SeriesForm series = {Dtype::kF32, kTwoParameters};
  EXPECT_THAT(
      FitsInto(series, {Dtype::kF32, false, kThreeParameters}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("runs/r/sessions/m/input"), HasSubstr("[3]"), HasSubstr("[2]"))));
  EXPECT_FALSE(FitsInto(series, {Dtype::kF32, false, {}}).ok());
  EXPECT_OK(FitsInto(series, {Dtype::kF32, true, kThreeParameters}));
}

}  // namespace
}  // namespace calipers::server
