#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_RECORDS_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_RECORDS_H_

#include "tests/server/storage/store_contract_fixture.h"

// The part of the store contract about how a store keeps and reads records. Include
// store_contract.h.
namespace calipers::server {

TYPED_TEST_P(StoreContract, HasTheSessionsThatWereCreated) {
  EXPECT_TRUE(testing::SessionsOf(this->store()).empty());
  SessionSpec spec;
  spec.args = *ResolveQuantizationArgs(
      {.strategy = Strategy::kGroup, .group_size = 64, .averaging_constant = 0.25});
  spec.arithmetic = Arithmetic::kReference;
  spec.non_finite_policy = NonFinitePolicy::kSkip;
  spec.dtype = Dtype::kBF16;
  spec.retention = Retention::kFolded;
  const auto identity = std::make_shared<const SessionIdentity>(
      SessionIdentity{*SessionName::Parse("runs/r/sessions/m.0:x/y/weight"), spec,
                      absl::FromUnixMicros(1'700'000'000'123'456)});
  const SeriesId a = *this->store().CreateSession(identity);
  const SeriesId b = this->Create("other");
  const auto sessions = testing::SessionsOf(this->store());
  ASSERT_EQ(sessions.size(), 2U);
  const StoredSession& stored = sessions.at(identity->name.full());
  EXPECT_EQ(stored.series, a);
  EXPECT_EQ(stored.identity->name.full(), identity->name.full());
  EXPECT_EQ(stored.identity->spec, spec);
  EXPECT_EQ(stored.identity->create_time, identity->create_time);
  EXPECT_EQ(stored.sealed_count, std::nullopt);
  EXPECT_EQ(sessions.at("runs/other/sessions/layer/input").series, b);
}

TYPED_TEST_P(StoreContract, ASessionNameIsTakenOnce) {
  using testing::StatusIs;
  const auto taken =
      StatusIs(absl::StatusCode::kAlreadyExists, ::testing::HasSubstr("runs/r/sessions/m/input"));
  const auto identity = testing::MakeIdentity("r", "m/input");
  const SeriesId series = *this->store().CreateSession(identity);
  this->Fill(series, 2);
  for (Store* store : {&this->store(), &this->another()}) {
    EXPECT_THAT(store->CreateSession(identity), taken);
    EXPECT_EQ(testing::SessionsOf(*store).at(identity->name.full()).series, series);
  }
  EXPECT_EQ(testing::IndicesOf(this->store(), series).size(), 2U);
  const SeriesId reset = *this->another().ResetSession(series);
  EXPECT_THAT(this->store().CreateSession(identity), taken);
  EXPECT_OK(this->another().DeleteSession(reset));
  const SeriesId again = *this->store().CreateSession(identity);
  EXPECT_OK(this->store().DeleteRun(*RunName::Parse("runs/r")));
  EXPECT_GT(*this->another().CreateSession(identity), again);
}

TYPED_TEST_P(StoreContract, SeriesIdIsGreaterThanAnyBefore) {
  SeriesId last = this->Create("r", "m0/input");
  for (int i = 1; i < 20; ++i) {
    const SeriesId series = this->Create("r" + std::to_string(i % 3), std::to_string(i) + "/input");
    EXPECT_GT(series, last);
    last = *this->store().ResetSession(series);
    EXPECT_GT(last, series);
  }
}

TYPED_TEST_P(StoreContract, KeepsRecordsInIndexOrderAsTheyWere) {
  const SeriesId series = this->Create();
  for (BatchIndex index : {BatchIndex{5}, BatchIndex{1}, kMaxBatchIndex, BatchIndex{0}}) {
    const PutResult result = testing::PutOne(this->store(), series, index, double(index));
    EXPECT_EQ(result.outcome, PutResult::kStored);
    EXPECT_EQ(result.index, index);
    EXPECT_OK(result.status);
  }
  EXPECT_EQ(testing::IndicesOf(this->store(), series),
            (std::vector<BatchIndex>{0, 1, 5, kMaxBatchIndex}));
  EXPECT_EQ(testing::IndicesOf(this->store(), series, 1),
            (std::vector<BatchIndex>{1, 5, kMaxBatchIndex}));
  EXPECT_EQ(testing::IndicesOf(this->store(), series, 6),
            (std::vector<BatchIndex>{kMaxBatchIndex}));
  for (const auto& [index, observed] : testing::ReadSeries(this->store(), series)) {
    EXPECT_TRUE(testing::Same(*observed, *testing::MakeObserved(double(index))));
  }
}

TYPED_TEST_P(StoreContract, KeepsUnusualRecordsUnchanged) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const auto worker = std::make_shared<const std::string>("a worker\xff with any name");
  const std::vector<std::shared_ptr<const SeriesRecord>> given = {
      SeriesRecord::Make(*testing::MakeRecord(nan, nan), {1}, worker),
      SeriesRecord::Make(*testing::MakeRecord(-infinity, infinity, 0), {2, 3, 4, 5, 6}, worker),
      SeriesRecord::Make(*testing::MakeRecord(-0.0, 0.0, std::int64_t{1} << 62), {}, worker),
      SeriesRecord::Make(Record::Empty(Dtype::kF32, 17), {0, 128}, worker)};
  const SeriesId series = this->Create();
  std::vector<NewRecord> records;
  for (const auto& observed : given) records.push_back({series, std::nullopt, observed, {1}});
  this->store().PutIfAbsent(records);
  const auto kept = testing::ReadSeries(this->store(), series);
  ASSERT_EQ(kept.size(), given.size());
  for (const auto& [index, observed] : kept) {
    EXPECT_TRUE(testing::Same(*observed, *given[std::size_t(index)])) << index;
  }
  const SeriesId of_another_dtype = this->Create("r", "other/input");
  const auto empty = SeriesRecord::Make(Record::Empty(Dtype::kBF16, 17), {0, 128}, worker);
  EXPECT_EQ(this->Put({of_another_dtype, 0, empty, {1}}).outcome, PutResult::kStored);
  EXPECT_TRUE(testing::Same(*testing::ReadSeries(this->store(), of_another_dtype).at(0), *empty));
}

TYPED_TEST_P(StoreContract, TheFirstRecordStays) {
  const SeriesId series = this->Create();
  EXPECT_EQ(testing::PutOne(this->store(), series, 3, 1).outcome, PutResult::kStored);
  const PutResult same = testing::PutOne(this->store(), series, 3, 1);
  EXPECT_EQ(same.outcome, PutResult::kDuplicate);
  EXPECT_EQ(same.index, 3);
  const PutResult other = testing::PutOne(this->store(), series, 3, 2);
  EXPECT_EQ(other.outcome, PutResult::kConflict);
  EXPECT_EQ(other.index, 3);
  // The worker is not part of a record's identity.
  const NewRecord from_other{series, 3, testing::MakeObserved(1, "w1"), {1}};
  EXPECT_EQ(this->store().PutIfAbsent({&from_other, 1})[0].outcome, PutResult::kDuplicate);
  const auto kept = testing::ReadSeries(this->store(), series);
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_TRUE(testing::Same(*kept.at(3), *testing::MakeObserved(1)));
}

TYPED_TEST_P(StoreContract, BatchMayHoldAnIndexTwice) {
  const SeriesId a = this->Create("r", "a/input");
  const SeriesId b = this->Create("r", "b/input");
  const std::vector<NewRecord> records = {testing::MakeNew(a, 4, 1), testing::MakeNew(b, 4, 2),
                                          testing::MakeNew(a, 4, 1), testing::MakeNew(a, 4, 2),
                                          testing::MakeNew(b, 4, 2), testing::MakeNew(b, 0, 3)};
  const auto results = this->store().PutIfAbsent(records);
  ASSERT_EQ(results.size(), records.size());
  const std::vector<PutResult::Outcome> expected = {PutResult::kStored,    PutResult::kStored,
                                                    PutResult::kDuplicate, PutResult::kConflict,
                                                    PutResult::kDuplicate, PutResult::kStored};
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].outcome, expected[i]) << i;
    EXPECT_EQ(results[i].index, *records[i].index);
  }
  EXPECT_EQ(testing::IndicesOf(this->store(), a), (std::vector<BatchIndex>{4}));
  EXPECT_EQ(testing::IndicesOf(this->store(), b), (std::vector<BatchIndex>{0, 4}));
}

TYPED_TEST_P(StoreContract, RecordWithoutAnIndexGoesToTheEnd) {
  const SeriesId series = this->Create();
  EXPECT_EQ(testing::PutOne(this->store(), series, std::nullopt, 0).index, 0);
  const std::vector<NewRecord> records = {
      testing::MakeNew(series, std::nullopt, 1), testing::MakeNew(series, 7, 2),
      testing::MakeNew(series, std::nullopt, 3), testing::MakeNew(series, 3, 4),
      testing::MakeNew(series, std::nullopt, 4)};
  std::vector<BatchIndex> indices;
  for (const PutResult& result : this->store().PutIfAbsent(records)) {
    EXPECT_EQ(result.outcome, PutResult::kStored);
    indices.push_back(result.index);
  }
  EXPECT_EQ(indices, (std::vector<BatchIndex>{1, 7, 8, 3, 9}));
  EXPECT_EQ(testing::IndicesOf(this->store(), series), (std::vector<BatchIndex>{0, 1, 3, 7, 8, 9}));
}

TYPED_TEST_P(StoreContract, IndexOutOfRangeIsRefused) {
  const SeriesId series = this->Create();
  testing::PutOne(this->store(), series, kMaxBatchIndex, 1);
  for (const std::optional<BatchIndex> index :
       {std::optional<BatchIndex>(), std::optional<BatchIndex>(kMaxBatchIndex + 1),
        std::optional<BatchIndex>(-1)}) {
    const PutResult result = testing::PutOne(this->store(), series, index, 1);
    EXPECT_EQ(result.outcome, PutResult::kRefused);
    EXPECT_EQ(result.index, index.value_or(-1));
    EXPECT_EQ(result.status.code(), absl::StatusCode::kOutOfRange);
  }
  EXPECT_EQ(testing::IndicesOf(this->store(), series), (std::vector<BatchIndex>{kMaxBatchIndex}));
}

TYPED_TEST_P(StoreContract, PutOfNoRecordsReturnsNoResults) {
  EXPECT_TRUE(this->store().PutIfAbsent({}).empty());
}

TYPED_TEST_P(StoreContract, RefusedRecordDoesNotAffectOthers) {
  const SeriesId gone = this->Create("r", "gone/input");
  const SeriesId series = this->Create();
  EXPECT_OK(this->store().DeleteSession(gone));
  const std::vector<NewRecord> records = {
      testing::MakeNew(gone, 0, 1), testing::MakeNew(series, 0, 1),
      testing::MakeNew(gone, std::nullopt, 1), testing::MakeNew(series, 1, 1)};
  const auto results = this->store().PutIfAbsent(records);
  EXPECT_EQ(results[0].outcome, PutResult::kRefused);
  EXPECT_EQ(results[1].outcome, PutResult::kStored);
  EXPECT_EQ(results[2].outcome, PutResult::kRefused);
  EXPECT_EQ(results[2].index, -1);
  EXPECT_EQ(results[3].outcome, PutResult::kStored);
}

TYPED_TEST_P(StoreContract, SeriesAreApart) {
  const SeriesId a = this->Create("r", "a/input");
  const SeriesId b = this->Create("r", "b/input");
  const SeriesId c = this->Create("s", "a/input");
  testing::PutOne(this->store(), a, 0, 1);
  EXPECT_EQ(testing::IndicesOf(this->store(), a).size(), 1U);
  EXPECT_TRUE(testing::IndicesOf(this->store(), b).empty());
  EXPECT_TRUE(testing::IndicesOf(this->store(), c).empty());
}

TYPED_TEST_P(StoreContract, ReaderSeesTheSeriesAsOfItsCreation) {
  const SeriesId series = this->Create();
  // More records than a reader may read ahead.
  for (BatchIndex i = 0; i < 3000; i += 3) testing::PutOne(this->store(), series, i, double(i));
  const auto reader = this->store().Read(series, 0);
  ASSERT_OK(reader);
  for (BatchIndex i = 1; i < 3100; i += 3) testing::PutOne(this->store(), series, i, double(i));
  const auto records = testing::Drain(**reader);
  EXPECT_EQ(records.size(), 1000U);
  for (const auto& [index, observed] : records) EXPECT_EQ(index % 3, 0);
}

TYPED_TEST_P(StoreContract, ReaderContinuesAfterItsSessionIsDeleted) {
  for (const bool whole_run : {false, true}) {
    const SeriesId series = this->Create();
    this->Fill(series, 1000);
    const auto reader = this->store().Read(series, 10);
    ASSERT_OK(reader);
    if (whole_run) {
      EXPECT_OK(this->store().DeleteRun(*RunName::Parse("runs/r")));
    } else {
      EXPECT_OK(this->store().DeleteSession(series));
    }
    const auto records = testing::Drain(**reader);
    ASSERT_EQ(records.size(), 990U);
    EXPECT_TRUE(testing::Same(*records.at(999), *testing::MakeObserved(999)));
  }
}

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_RECORDS_H_
