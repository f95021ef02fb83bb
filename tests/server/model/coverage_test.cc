#include "server/model/coverage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/elements.h"
#include "tests/support/records.h"

namespace calipers::server {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::MakeRecord;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

SessionSpec With(NonFinitePolicy policy) {
  SessionSpec spec;
  spec.non_finite_policy = policy;
  return spec;
}

std::shared_ptr<const SeriesRecord> SentBy(const std::string& worker, const Record& record) {
  return SeriesRecord::Make(record, {2, 4}, std::make_shared<const std::string>(worker));
}

// A record without elements, one with infinity, one with NaN, and one that is finite.
std::vector<std::shared_ptr<const SeriesRecord>> Four() {
  return {SentBy("a", Record::Empty(Dtype::kF32, 1)), SentBy("b", *MakeRecord(0, kInf, 2)),
          SentBy("b", *MakeRecord(kNan, kNan, 4)), SentBy("c", *MakeRecord(0, 1, 8))};
}

SeriesCoverage CoverageOf(const std::vector<std::shared_ptr<const SeriesRecord>>& records,
                          NonFinitePolicy policy) {
  SeriesCoverage coverage;
  for (const auto& observed : records) coverage.Add(With(policy), *observed);
  return coverage;
}

TEST(SeriesCoverageTest, CountsEveryRecord) {
  const SeriesCoverage coverage = CoverageOf(Four(), NonFinitePolicy::kPropagate);
  EXPECT_EQ(coverage.count, 4);
  EXPECT_EQ(coverage.num_observations, 15);
  EXPECT_EQ(coverage.empty_batches, 1);
}

TEST(SeriesCoverageTest, CountsAsFoldedWhatThePolicyFolds) {
  EXPECT_EQ(CoverageOf(Four(), NonFinitePolicy::kPropagate).folded_count, 3);
  EXPECT_EQ(CoverageOf(Four(), NonFinitePolicy::kSkip).folded_count, 1);
}

TEST(SeriesCoverageTest, CountsBatchesAndTokensOfEachWorker) {
  const SeriesCoverage coverage = CoverageOf(Four(), NonFinitePolicy::kSkip);
  ASSERT_EQ(coverage.workers.size(), 3U);
  EXPECT_EQ(coverage.workers.at("a").batches, 1);
  EXPECT_EQ(coverage.workers.at("a").tokens, 1);
  EXPECT_EQ(coverage.workers.at("b").batches, 2);
  EXPECT_EQ(coverage.workers.at("b").tokens, 6);
  EXPECT_EQ(coverage.workers.at("c").tokens, 8);
}

TEST(SeriesCoverageTest, TheOrderOfTheRecordsDoesNotMatter) {
  const SeriesCoverage expected = CoverageOf(Four(), NonFinitePolicy::kSkip);
  auto records = Four();
  std::sort(records.begin(), records.end());
  do {
    const SeriesCoverage coverage = CoverageOf(records, NonFinitePolicy::kSkip);
    EXPECT_EQ(coverage.count, expected.count);
    EXPECT_EQ(coverage.folded_count, expected.folded_count);
    EXPECT_EQ(coverage.num_observations, expected.num_observations);
    EXPECT_EQ(coverage.empty_batches, expected.empty_batches);
    ASSERT_EQ(coverage.workers.size(), expected.workers.size());
    for (const auto& [worker, tally] : expected.workers) {
      EXPECT_EQ(coverage.workers.at(worker).batches, tally.batches) << worker;
      EXPECT_EQ(coverage.workers.at(worker).tokens, tally.tokens) << worker;
    }
  } while (std::next_permutation(records.begin(), records.end()));
}

// docs/server.md states the limit.
TEST(SeriesCoverageTest, WorkersBeyondTheLimitAreCountedTogether) {
  constexpr int kWorkers = 4096;
  SeriesCoverage coverage;
  for (int i = 0; i < kWorkers + 3; ++i) {
    coverage.Add({}, *SentBy(absl::StrCat("w", i), *MakeRecord(0, 1, 2)));
  }
  coverage.Add({}, *SentBy("w0", *MakeRecord(0, 1, 2)));
  EXPECT_EQ(coverage.workers.size(), kWorkers + 1U);
  EXPECT_EQ(coverage.workers.at("(others)").batches, 3);
  EXPECT_EQ(coverage.workers.at("(others)").tokens, 6);
  EXPECT_EQ(coverage.workers.at("w0").batches, 2);
}

TEST(SeriesCoverageTest, SumsOfTokensSaturate) {
  const auto most = SentBy("w", *MakeRecord(0, 1, kMost));
  const SeriesCoverage coverage = CoverageOf({most, most}, NonFinitePolicy::kPropagate);
  EXPECT_EQ(coverage.num_observations, kMost);
  EXPECT_EQ(coverage.workers.at("w").tokens, kMost);
  EXPECT_EQ(coverage.workers.at("w").batches, 2);
}

TEST(TallyTest, AddsBothNumbersAndSaturates) {
  Tally tally{1, 10};
  tally.Add({2, 20});
  EXPECT_EQ(tally.batches, 3);
  EXPECT_EQ(tally.tokens, 30);
  tally.Add({kMost, kMost});
  EXPECT_EQ(tally.batches, kMost);
  EXPECT_EQ(tally.tokens, kMost);
}

}  // namespace
}  // namespace calipers::server
