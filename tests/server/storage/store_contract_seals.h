#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_SEALS_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_SEALS_H_

#include "tests/server/storage/store_contract_fixture.h"

// The part of the store contract about seals. Include store_contract.h.
namespace calipers::server {

TYPED_TEST_P(StoreContract, SealClosesTheSeries) {
  using testing::StatusIs;
  const SeriesId series = this->Create();
  EXPECT_THAT(this->store().Seal(series, std::nullopt),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("no obs")));
  for (const BatchIndex index : {0, 1, 4}) testing::PutOne(this->store(), series, index, 1);
  EXPECT_THAT(this->store().Seal(series, std::nullopt),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("2-3")));
  EXPECT_THAT(this->store().Seal(series, 6),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("2-3, 5")));
  EXPECT_THAT(this->store().Seal(series, 4),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("5")));
  // A failed seal closes nothing.
  for (const BatchIndex index : {2, 3}) {
    EXPECT_EQ(testing::PutOne(this->store(), series, index, 1).outcome, PutResult::kStored);
  }
  EXPECT_EQ(*this->store().Seal(series, std::nullopt), 5);
  EXPECT_EQ(*this->store().Seal(series, 5), 5);
  EXPECT_EQ(*this->store().Seal(series, std::nullopt), 5);
  EXPECT_THAT(this->store().Seal(series, 6),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("sealed at 5")));
  EXPECT_EQ(testing::SessionsOf(this->store()).begin()->second.sealed_count, 5);
}

TYPED_TEST_P(StoreContract, SealAllSealsEachSeriesByItself) {
  using testing::StatusIs;
  const SeriesId whole = this->Create("r", "whole/input");
  const SeriesId torn = this->Create("r", "torn/input");
  const SeriesId gone = this->Create("r", "gone/input");
  const SeriesId other = this->Create("q", "other/input");
  const SeriesId sealed = this->Create("q", "sealed/input");
  for (const SeriesId series : {whole, gone, other}) this->Fill(series, 3);
  for (const BatchIndex index : {0, 2}) testing::PutOne(this->store(), torn, index, 1);
  this->Fill(sealed, 2);
  ASSERT_OK(this->store().Seal(sealed, 2));
  EXPECT_OK(this->store().DeleteSession(gone));
  const std::vector<SeriesId> all = {whole, torn, gone, other, sealed, whole};
  const auto results = this->store().SealAll(all, 3);
  ASSERT_EQ(results.size(), all.size());
  for (const std::size_t place : {0, 3, 5}) EXPECT_EQ(*results[place], 3);
  EXPECT_THAT(results[1],
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("missing: 1")));
  EXPECT_THAT(results[2], StatusIs(absl::StatusCode::kNotFound, ::testing::_));
  EXPECT_THAT(results[4],
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("sealed at 2")));
  // Sealed series take no records; the others still do.
  EXPECT_EQ(testing::PutOne(this->store(), torn, 1, 1).outcome, PutResult::kStored);
  for (const SeriesId series : {whole, other}) {
    EXPECT_EQ(testing::PutOne(this->store(), series, 3, 1).outcome, PutResult::kRefused);
  }
  std::map<std::string, std::optional<std::int64_t>> counts;
  for (const auto& [name, session] : testing::SessionsOf(this->store())) {
    counts[name.substr(name.rfind("sessions/") + 9)] = session.sealed_count;
  }
  EXPECT_EQ(counts,
            (std::map<std::string, std::optional<std::int64_t>>{
                {"whole/input", 3}, {"torn/input", {}}, {"other/input", 3}, {"sealed/input", 2}}));
  EXPECT_TRUE(this->store().SealAll({}, 3).empty());
}

TYPED_TEST_P(StoreContract, SealedSeriesStillDetectsDuplicates) {
  const SeriesId series = this->Create();
  this->Fill(series, 2);
  ASSERT_OK(this->store().Seal(series, 2));
  EXPECT_EQ(testing::PutOne(this->store(), series, 1, 1).outcome, PutResult::kDuplicate);
  EXPECT_EQ(testing::PutOne(this->store(), series, 1, 9).outcome, PutResult::kConflict);
  for (const std::optional<BatchIndex> index :
       {std::optional<BatchIndex>(2), std::optional<BatchIndex>()}) {
    const PutResult result = testing::PutOne(this->store(), series, index, 1);
    EXPECT_EQ(result.outcome, PutResult::kRefused);
    EXPECT_EQ(result.index, index.value_or(-1));
    EXPECT_THAT(result.status, testing::StatusIs(absl::StatusCode::kFailedPrecondition,
                                                 ::testing::HasSubstr("sealed at 2")));
  }
  EXPECT_EQ(testing::IndicesOf(this->store(), series), (std::vector<BatchIndex>{0, 1}));
}

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_SEALS_H_
