#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_FACTS_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_FACTS_H_

#include "tests/server/storage/store_contract_fixture.h"

// The part of the store contract about the facts of a series, and which records fit it. Include
// store_contract.h.
namespace calipers::server {

TYPED_TEST_P(StoreContract, RecordHasToFitTheOthers) {
  using testing::StatusIs;
  const SeriesId series = this->Create();
  const auto refused = [&](const NewRecord& record, const std::string& why) {
    const SeriesSummary before = this->FactsOf(series).Summary();
    const PutResult result = this->Put(record);
    EXPECT_EQ(result.outcome, PutResult::kRefused);
    EXPECT_EQ(result.index, record.index.value_or(-1));
    EXPECT_THAT(result.status,
                StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr(why)));
    EXPECT_EQ(this->FactsOf(series).Summary(), before);
  };
  // An empty record fixes neither dtype nor shape, and fits every series.
  EXPECT_EQ(this->Put(this->Empty(series, 0, Dtype::kBF16)).outcome, PutResult::kStored);
  EXPECT_EQ(this->FactsOf(series).dtype, std::nullopt);
  EXPECT_EQ(this->Put(this->OfTwoParameters(series, 1)).outcome, PutResult::kStored);
  EXPECT_EQ(this->FactsOf(series).dtype, Dtype::kF32);
  refused(this->Zero(series, 2, Dtype::kBF16), "holds F32");
  refused(testing::MakeNew(series, 2, 1), "holds records of [2]");
  // The result is the same whether the index is free or not.
  refused(testing::MakeNew(series, 1, 1), "holds records of [2]");
  EXPECT_EQ(this->Put(this->Empty(series, 2, Dtype::kF16)).outcome, PutResult::kStored);
  EXPECT_EQ(this->Put(this->Empty(series, 2, Dtype::kF32)).outcome, PutResult::kDuplicate);
}

TYPED_TEST_P(StoreContract, RefusedRecordFixesNoDtypeOrShape) {
  const SeriesId series = this->Create();
  EXPECT_EQ(this->Put(testing::MakeNew(series, -1, 1)).outcome, PutResult::kRefused);
  const auto other = this->OfTwoParameters(series, 0);
  EXPECT_EQ(this->Put(other).outcome, PutResult::kStored);
  // The first record of a call fixes the form of the others.
  const SeriesId second = this->Create("r", "second/input");
  const std::vector<NewRecord> records = {testing::MakeNew(second, 0, 1),
                                          this->OfTwoParameters(second, 1),
                                          testing::MakeNew(second, 2, 1)};
  const auto results = this->store().PutIfAbsent(records);
  EXPECT_EQ(results[0].outcome, PutResult::kStored);
  EXPECT_EQ(results[1].outcome, PutResult::kRefused);
  EXPECT_EQ(results[2].outcome, PutResult::kStored);
}

TYPED_TEST_P(StoreContract, CheckFitsRefusesOnlyRecordsThatAPutRefuses) {
  using testing::StatusIs;
  const SeriesId series = this->Create();
  const std::vector<std::int64_t> one = {1};
  const std::vector<std::int64_t> two = {2};
  for (const auto& shape : {one, two}) {
    EXPECT_OK(this->store().CheckFits(series, {Dtype::kF32, false, shape}));
  }
  this->Fill(series, 1);
  EXPECT_OK(this->store().CheckFits(series, {Dtype::kF32, false, one}));
  EXPECT_OK(this->store().CheckFits(series, {Dtype::kF32, true, two}));
  // The store may not know the form; then the put refuses the record.
  for (const RecordForm& form :
       {RecordForm{Dtype::kF32, false, two}, RecordForm{Dtype::kBF16, false, one}}) {
    const absl::Status early = this->store().CheckFits(series, form);
    if (!early.ok()) {
      EXPECT_THAT(early, StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
    }
  }
}

TYPED_TEST_P(StoreContract, PutReturnsTheSeriesSummary) {
  const SeriesId a = this->Create("r", "a/input");
  const SeriesId b = this->Create("r", "b/input");
  const std::vector<NewRecord> records = {testing::MakeNew(a, 0, 1), testing::MakeNew(b, 5, 1),
                                          testing::MakeNew(a, 3, 1), testing::MakeNew(a, 0, 1),
                                          testing::MakeNew(a, 3, 2), this->Empty(a, 1, Dtype::kF32),
                                          testing::MakeNew(a, -1, 1)};
  const auto results = this->store().PutIfAbsent(records);
  // Of each series, only the last result that is not refused must have a summary.
  ASSERT_NE(results[5].summary, nullptr);
  ASSERT_NE(results[1].summary, nullptr);
  EXPECT_EQ(results[6].summary, nullptr);
  EXPECT_EQ(*results[5].summary, this->FactsOf(a).Summary());
  EXPECT_EQ(results[5].summary->count, 3);
  EXPECT_EQ(results[5].summary->folded_count, 2);
  EXPECT_EQ(results[5].summary->empty_batches, 1);
  EXPECT_EQ(results[5].summary->num_observations, 2);
  EXPECT_EQ(results[5].summary->contiguous_prefix, 2);
  EXPECT_EQ(results[5].summary->end_index, 4);
  EXPECT_EQ(results[5].summary->missing_range_count, 1);
  EXPECT_EQ(results[5].summary->conflict_count, 1);
  EXPECT_EQ(results[5].summary->sealed_count, std::nullopt);
  EXPECT_EQ(results[1].summary->count, 1);
  EXPECT_EQ(results[1].summary->end_index, 6);
  EXPECT_EQ(results[1].summary->conflict_count, 0);
  const PutResult last = this->Put(testing::MakeNew(a, 2, 1));
  EXPECT_EQ(last.summary->contiguous_prefix, 4);
  ASSERT_OK(this->store().Seal(a, 4));
  EXPECT_EQ(this->Put(testing::MakeNew(a, 0, 1)).summary->sealed_count, 4);
}

TYPED_TEST_P(StoreContract, FactsMatchTheRecords) {
  const SeriesId series = this->Create();
  const SeriesFacts none = this->FactsOf(series);
  EXPECT_OK(none.problem);
  EXPECT_EQ(none.Summary(), SeriesSummary());
  EXPECT_EQ(none.dtype, std::nullopt);
  EXPECT_EQ(none.qparam_shape, std::nullopt);
  SeriesCoverage expected;
  const SessionSpec spec;
  for (const BatchIndex index : {7, 0, 1, 300, 9, 8}) {
    const auto observed = testing::MakeObserved(double(index), "w" + std::to_string(index % 3));
    EXPECT_EQ(this->Put({series, index, observed, {1}}).outcome, PutResult::kStored);
    expected.Add(spec, *observed);
  }
  const SeriesFacts facts = this->FactsOf(series);
  EXPECT_OK(facts.problem);
  EXPECT_EQ(facts.indices.Ranges(), (std::vector<IndexRange>{{0, 2}, {7, 10}, {300, 301}}));
  EXPECT_EQ(facts.dtype, Dtype::kF32);
  EXPECT_EQ(facts.qparam_shape, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(facts.coverage.count, expected.count);
  EXPECT_EQ(facts.coverage.folded_count, expected.folded_count);
  EXPECT_EQ(facts.coverage.num_observations, expected.num_observations);
  ASSERT_EQ(facts.coverage.workers.size(), expected.workers.size());
  for (const auto& [worker, tally] : expected.workers) {
    EXPECT_EQ(facts.coverage.workers.at(worker).batches, tally.batches);
    EXPECT_EQ(facts.coverage.workers.at(worker).tokens, tally.tokens);
  }
}

TYPED_TEST_P(StoreContract, ServersSeeTheWritesOfEachOther) {
  using testing::StatusIs;
  const SeriesId series = this->Create();
  Store& another = this->another();
  this->Fill(series, 3);
  EXPECT_EQ(testing::PutOne(another, series, 1, 1).outcome, PutResult::kDuplicate);
  EXPECT_EQ(testing::PutOne(another, series, 1, 9).outcome, PutResult::kConflict);
  EXPECT_EQ(this->Put({series, 0, this->OfTwoParameters(series, 0).observed, {2}}).outcome,
            PutResult::kRefused);
  const PutResult appended = testing::PutOne(another, series, std::nullopt, 3);
  EXPECT_EQ(appended.index, 3);
  EXPECT_EQ(appended.summary->count, 4);
  EXPECT_EQ(this->FactsOf(series).coverage.count, 4);
  EXPECT_EQ(testing::PutOne(this->store(), series, std::nullopt, 4).index, 4);
  EXPECT_EQ(testing::IndicesOf(another, series).size(), 5U);
  EXPECT_OK(another.WriteCheckpoint(series, {4, "state"}, true));
  EXPECT_EQ((*this->store().ReadCheckpoint(series))->prefix_end, 4);
  ASSERT_OK(another.Seal(series, 5));
  EXPECT_EQ(this->FactsOf(series).sealed_count, 5);
  EXPECT_THAT(testing::PutOne(this->store(), series, 5, 5).status,
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("sealed")));
  ASSERT_OK(another.ResetSession(series));
  this->ExpectGone(series);
  EXPECT_THAT(another.Facts(series), StatusIs(absl::StatusCode::kNotFound, ::testing::_));
}

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_FACTS_H_
