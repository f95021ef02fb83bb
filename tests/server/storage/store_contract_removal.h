#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_REMOVAL_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_REMOVAL_H_

#include "tests/server/storage/store_contract_fixture.h"

// The part of the store contract about what a reset or a deletion removes. Include
// store_contract.h.
namespace calipers::server {

TYPED_TEST_P(StoreContract, DeletedSessionIsGoneForGood) {
  const SeriesId series = this->Create();
  this->Fill(series, 3);
  EXPECT_OK(this->store().WriteCheckpoint(series, {2, "state"}, false));
  EXPECT_OK(this->store().DeleteSession(series));
  this->ExpectGone(series);
  EXPECT_TRUE(testing::SessionsOf(this->store()).empty());
  const SeriesId again = this->Create();
  EXPECT_GT(again, series);
  EXPECT_TRUE(testing::IndicesOf(this->store(), again).empty());
  EXPECT_EQ(*this->store().ReadCheckpoint(again), std::nullopt);
  this->ExpectGone(series);
}

TYPED_TEST_P(StoreContract, ResetSessionHasNoRecords) {
  const SeriesId series = this->Create();
  this->Fill(series, 3);
  EXPECT_OK(this->store().WriteCheckpoint(series, {2, "state"}, false));
  EXPECT_OK(this->store().Seal(series, 3));
  const SeriesId again = *this->store().ResetSession(series);
  EXPECT_GT(again, series);
  this->ExpectGone(series);
  const auto sessions = testing::SessionsOf(this->store());
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_EQ(sessions.begin()->second.series, again);
  EXPECT_EQ(sessions.begin()->second.sealed_count, std::nullopt);
  EXPECT_TRUE(testing::IndicesOf(this->store(), again).empty());
  EXPECT_EQ(*this->store().ReadCheckpoint(again), std::nullopt);
  EXPECT_EQ(testing::PutOne(this->store(), again, 0, 9).outcome, PutResult::kStored);
}

TYPED_TEST_P(StoreContract, LongSeriesCanBeDeletedAndReset) {
  const SeriesId deleted = this->Create("r", "a/input");
  const SeriesId reset = this->Create("r", "b/input");
  const SeriesId kept = this->Create("r", "c/input");
  for (const SeriesId series : {deleted, reset, kept}) this->Fill(series, 3000);
  EXPECT_OK(this->store().DeleteSession(deleted));
  const SeriesId again = *this->store().ResetSession(reset);
  EXPECT_TRUE(testing::IndicesOf(this->store(), again).empty());
  EXPECT_EQ(testing::IndicesOf(this->store(), kept).size(), 3000U);
}

TYPED_TEST_P(StoreContract, DeletedRunIsGoneForGood) {
  const SeriesId a = this->Create("r", "a/input");
  const SeriesId b = this->Create("r", "b/input");
  const SeriesId others = this->Create("r2", "a/input");
  const SeriesId before = this->Create("q", "a/input");
  for (const SeriesId series : {a, b, others, before}) this->Fill(series, 3);
  const RunName run = *RunName::Parse("runs/r");
  EXPECT_OK(this->store().DeleteRun(run));
  EXPECT_OK(this->store().DeleteRun(run));
  EXPECT_OK(this->store().DeleteRun(*RunName::Parse("runs/none")));
  this->ExpectGone(a);
  this->ExpectGone(b);
  EXPECT_EQ(testing::SessionsOf(this->store()).size(), 2U);
  EXPECT_EQ(testing::IndicesOf(this->store(), others).size(), 3U);
  EXPECT_EQ(testing::IndicesOf(this->store(), before).size(), 3U);
  const SeriesId again = this->Create("r", "a/input");
  EXPECT_GT(again, before);
  EXPECT_TRUE(testing::IndicesOf(this->store(), again).empty());
  EXPECT_EQ(testing::PutOne(this->store(), again, 1, 5).outcome, PutResult::kStored);
  EXPECT_EQ(testing::IndicesOf(this->store(), again), (std::vector<BatchIndex>{1}));
}

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_REMOVAL_H_
