#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_CHECKPOINTS_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_CHECKPOINTS_H_

#include "tests/server/storage/store_contract_fixture.h"

// The part of the store contract about checkpoints. Include store_contract.h.
namespace calipers::server {

TYPED_TEST_P(StoreContract, CheckpointLeavesTheSeriesAsItIs) {
  const SeriesId series = this->Create();
  this->Fill(series, 5);
  EXPECT_EQ(*this->store().ReadCheckpoint(series), std::nullopt);
  EXPECT_OK(this->store().WriteCheckpoint(series, {3, "state"}, false));
  const auto records = testing::ReadSeries(this->store(), series);
  ASSERT_EQ(records.size(), 5U);
  for (const auto& [index, observed] : records) {
    EXPECT_TRUE(testing::Same(*observed, *testing::MakeObserved(double(index))));
  }
  // The checkpoint may be lost, but must not differ.
  const auto checkpoint = this->store().ReadCheckpoint(series);
  ASSERT_OK(checkpoint);
  if (*checkpoint) {
    EXPECT_EQ((*checkpoint)->prefix_end, 3);
    EXPECT_EQ((*checkpoint)->state, "state");
  }
  EXPECT_EQ(testing::PutOne(this->store(), series, 2, 2).outcome, PutResult::kDuplicate);
  EXPECT_EQ(testing::PutOne(this->store(), series, std::nullopt, 5).index, 5);
}

TYPED_TEST_P(StoreContract, CheckpointMayReplaceValues) {
  const SeriesId series = this->Create();
  this->Fill(series, 5);
  const std::string state("any\0bytes\xff", 10);
  EXPECT_OK(this->store().WriteCheckpoint(series, {2, "first"}, true));
  EXPECT_OK(this->store().WriteCheckpoint(series, {4, state}, true));
  const auto checkpoint = this->store().ReadCheckpoint(series);
  ASSERT_OK(checkpoint);
  ASSERT_TRUE(checkpoint->has_value());
  EXPECT_EQ((*checkpoint)->prefix_end, 4);
  EXPECT_EQ((*checkpoint)->state, state);
  const auto records = testing::ReadSeries(this->store(), series);
  ASSERT_EQ(records.size(), 5U);
  for (const auto& [index, observed] : records) {
    const auto given = testing::MakeObserved(double(index));
    EXPECT_TRUE(testing::Same(*observed, index < 4 ? *given->WithoutValues() : *given)) << index;
  }
  // Records with dropped values are still known.
  EXPECT_EQ(testing::PutOne(this->store(), series, 1, 1).outcome, PutResult::kDuplicate);
  EXPECT_EQ(testing::PutOne(this->store(), series, 1, 2).outcome, PutResult::kConflict);
  EXPECT_EQ(testing::PutOne(this->store(), series, 4, 4).outcome, PutResult::kDuplicate);
  EXPECT_EQ(*this->store().Seal(series, std::nullopt), 5);
}

TYPED_TEST_P(StoreContract, CheckpointBehindDroppedValuesIsRefused) {
  const SeriesId series = this->Create();
  this->Fill(series, 5);
  EXPECT_OK(this->store().WriteCheckpoint(series, {4, "state"}, true));
  for (const bool drop : {false, true}) {
    EXPECT_EQ(this->store().WriteCheckpoint(series, {3, "less"}, drop).code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ((*this->store().ReadCheckpoint(series))->state, "state");
  EXPECT_OK(this->store().WriteCheckpoint(series, {4, "same"}, true));
  EXPECT_OK(this->store().WriteCheckpoint(series, {5, "more"}, true));
  EXPECT_EQ((*this->store().ReadCheckpoint(series))->state, "more");
}

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_CHECKPOINTS_H_
