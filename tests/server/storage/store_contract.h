#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "server/storage/store.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stored.h"

namespace calipers::server {

/// The tests that every Store must pass. An implementation instantiates them with a type that has
/// `Store& store()` and `Store& another()`. store() is an empty store that lives as long as the
/// object. another() is the store of another server with the same records, or the same store if
/// only one process can have the records.
template <typename Holder>
class StoreContract : public ::testing::Test {
 protected:
  Store& store() { return holder_.store(); }
  Store& another() { return holder_.another(); }

  SeriesFacts FactsOf(SeriesId series) {
    const absl::StatusOr<SeriesFacts> facts = store().Facts(series);
    EXPECT_OK(facts);
    return facts.value_or(SeriesFacts());
  }

  // A float32 record of two parameters at the index, to be put.
  static NewRecord OfTwoParameters(SeriesId series, BatchIndex index) {
    const std::vector<std::byte> zeros(8);
    const auto values = absl::MakeConstSpan(zeros);
    return {series,
            index,
            SeriesRecord::Make(
                *Record::Make(Dtype::kF32, 1, values, values, values.first(4), values.first(4)),
                {2}, std::make_shared<const std::string>("w0")),
            {2}};
  }

  // An empty record of this dtype, to be put.
  static NewRecord Empty(SeriesId series, BatchIndex index, Dtype dtype) {
    return {series,
            index,
            SeriesRecord::Make(Record::Empty(dtype, 0), {0, 4},
                               std::make_shared<const std::string>("w0")),
            {1}};
  }

  PutResult Put(const NewRecord& record) { return store().PutIfAbsent({&record, 1}).at(0); }

  SeriesId Create(const std::string& run = "r", const std::string& session = "layer/input") {
    const absl::StatusOr<SeriesId> series =
        store().CreateSession(testing::MakeIdentity(run, session));
    EXPECT_OK(series);
    return series.value_or(SeriesId{0});
  }

  void Fill(SeriesId series, BatchIndex end) {
    std::vector<NewRecord> records;
    for (BatchIndex i = 0; i < end; ++i) {
      records.push_back(testing::MakeNew(series, i, double(i)));
    }
    for (const PutResult& result : store().PutIfAbsent(records)) {
      EXPECT_EQ(result.outcome, PutResult::kStored) << result.status;
    }
  }

  // Expects that every call for the series fails.
  void ExpectGone(SeriesId series) {
    using testing::StatusIs;
    const auto gone = StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("deleted"));
    const PutResult put = testing::PutOne(store(), series, 7, 1);
    EXPECT_EQ(put.outcome, PutResult::kRefused);
    EXPECT_EQ(put.index, 7);
    EXPECT_THAT(put.status, gone);
    EXPECT_THAT(store().Facts(series), gone);
    EXPECT_THAT(store().Read(series, 0), gone);
    EXPECT_THAT(store().Seal(series, 1), gone);
    EXPECT_THAT(store().ReadCheckpoint(series), gone);
    EXPECT_THAT(store().WriteCheckpoint(series, {1, "state"}, false), gone);
    EXPECT_THAT(store().ResetSession(series), gone);
    EXPECT_OK(store().DeleteSession(series));
  }

  Holder holder_;
};

TYPED_TEST_SUITE_P(StoreContract);

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

TYPED_TEST_P(StoreContract, ASeriesIdIsGreaterThanAnyBefore) {
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

TYPED_TEST_P(StoreContract, KeepsWhateverRecordThereIs) {
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

TYPED_TEST_P(StoreContract, ABatchMayHoldAnIndexTwice) {
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

TYPED_TEST_P(StoreContract, ARecordWithoutAnIndexGoesToTheEnd) {
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

TYPED_TEST_P(StoreContract, ThereIsNoIndexBehindTheLast) {
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

TYPED_TEST_P(StoreContract, NoRecordsAreNone) {
  EXPECT_TRUE(this->store().PutIfAbsent({}).empty());
}

TYPED_TEST_P(StoreContract, OneThatIsRefusedTakesNoOtherAlong) {
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

TYPED_TEST_P(StoreContract, AReaderHasTheMomentAtWhichItWasMade) {
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

TYPED_TEST_P(StoreContract, AReaderGoesOnWhenItsSessionGoes) {
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

TYPED_TEST_P(StoreContract, ADeletedSessionIsGoneForGood) {
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

TYPED_TEST_P(StoreContract, AResetSessionBeginsAgain) {
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

TYPED_TEST_P(StoreContract, ALongSeriesGoesLikeAShortOne) {
  const SeriesId deleted = this->Create("r", "a/input");
  const SeriesId reset = this->Create("r", "b/input");
  const SeriesId kept = this->Create("r", "c/input");
  for (const SeriesId series : {deleted, reset, kept}) this->Fill(series, 3000);
  EXPECT_OK(this->store().DeleteSession(deleted));
  const SeriesId again = *this->store().ResetSession(reset);
  EXPECT_TRUE(testing::IndicesOf(this->store(), again).empty());
  EXPECT_EQ(testing::IndicesOf(this->store(), kept).size(), 3000U);
}

TYPED_TEST_P(StoreContract, ADeletedRunIsGoneForGood) {
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

TYPED_TEST_P(StoreContract, ARecordHasToFitTheOthers) {
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
  // An empty record fixes the dtype but not the shape.
  EXPECT_EQ(this->Put(this->Empty(series, 0, Dtype::kF32)).outcome, PutResult::kStored);
  refused(this->Empty(series, 1, Dtype::kBF16), "holds F32");
  EXPECT_EQ(this->Put(this->OfTwoParameters(series, 1)).outcome, PutResult::kStored);
  refused(testing::MakeNew(series, 2, 1), "holds records of [2]");
  // The result is the same whether the index is free or not.
  refused(testing::MakeNew(series, 1, 1), "holds records of [2]");
  EXPECT_EQ(this->Put(this->Empty(series, 2, Dtype::kF32)).outcome, PutResult::kStored);
}

TYPED_TEST_P(StoreContract, WhatIsRefusedFixesNothing) {
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

TYPED_TEST_P(StoreContract, WhatIsRefusedEarlyWouldBeRefused) {
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

TYPED_TEST_P(StoreContract, APutReturnsTheSeriesSummary) {
  const SeriesId a = this->Create("r", "a/input");
  const SeriesId b = this->Create("r", "b/input");
  const std::vector<NewRecord> records = {testing::MakeNew(a, 0, 1), testing::MakeNew(b, 5, 1),
                                          testing::MakeNew(a, 3, 1), testing::MakeNew(a, 0, 1),
                                          testing::MakeNew(a, 3, 2), this->Empty(a, 1, Dtype::kF32),
                                          testing::MakeNew(a, -1, 1)};
  const auto results = this->store().PutIfAbsent(records);
  for (const std::size_t of_a : {0, 2, 3, 4, 5}) {
    const SeriesSummary& summary = results[of_a].summary;
    EXPECT_EQ(summary.count, 3) << of_a;
    EXPECT_EQ(summary.folded_count, 2);
    EXPECT_EQ(summary.empty_batches, 1);
    EXPECT_EQ(summary.num_observations, 2);
    EXPECT_EQ(summary.contiguous_prefix, 2);
    EXPECT_EQ(summary.end_index, 4);
    EXPECT_EQ(summary.missing_range_count, 1);
    EXPECT_EQ(summary.conflict_count, 1);
    EXPECT_EQ(summary.sealed_count, std::nullopt);
    EXPECT_EQ(summary, this->FactsOf(a).Summary());
  }
  EXPECT_EQ(results[1].summary.count, 1);
  EXPECT_EQ(results[1].summary.end_index, 6);
  EXPECT_EQ(results[1].summary.conflict_count, 0);
  const PutResult last = this->Put(testing::MakeNew(a, 2, 1));
  EXPECT_EQ(last.summary.contiguous_prefix, 4);
  ASSERT_OK(this->store().Seal(a, 4));
  EXPECT_EQ(this->Put(testing::MakeNew(a, 0, 1)).summary.sealed_count, 4);
}

TYPED_TEST_P(StoreContract, FactsAreWhatTheRecordsComeTo) {
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

TYPED_TEST_P(StoreContract, WhatOneServerPutsAnotherKnows) {
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
  EXPECT_EQ(appended.summary.count, 4);
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

TYPED_TEST_P(StoreContract, ASealClosesTheSeries) {
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

TYPED_TEST_P(StoreContract, ManyAreSealedAtOnceAndEachByItself) {
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

TYPED_TEST_P(StoreContract, ASealedSeriesStillKnowsWhatItHolds) {
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

TYPED_TEST_P(StoreContract, ACheckpointLeavesTheSeriesAsItIs) {
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

TYPED_TEST_P(StoreContract, ACheckpointMayStandForValues) {
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

TYPED_TEST_P(StoreContract, NoCheckpointGoesWithValuesThatNothingElseHas) {
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

TYPED_TEST_P(StoreContract, OfManyWritersOneStores) {
  const SeriesId series = this->Create();
  constexpr int kWriters = 4;
  constexpr BatchIndex kRecords = 200;
  std::atomic<int> stored{0};
  std::atomic<int> duplicates{0};
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      Store& store = w % 2 == 0 ? this->store() : this->another();
      for (BatchIndex i = 0; i < kRecords; ++i) {
        const PutResult result = testing::PutOne(store, series, i, double(i));
        (result.outcome == PutResult::kStored ? stored : duplicates) += 1;
        EXPECT_NE(result.outcome, PutResult::kConflict);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(stored, kRecords);
  EXPECT_EQ(duplicates, (kWriters - 1) * kRecords);
  EXPECT_EQ(testing::IndicesOf(this->store(), series).size(), std::size_t{kRecords});
}

TYPED_TEST_P(StoreContract, OfManyWithoutAnIndexEachHasItsOwn) {
  const SeriesId series = this->Create();
  constexpr int kWriters = 4;
  constexpr int kRecords = 100;
  std::vector<std::vector<BatchIndex>> indices(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      Store& store = w % 2 == 0 ? this->store() : this->another();
      for (int i = 0; i < kRecords; ++i) {
        indices[std::size_t(w)].push_back(testing::PutOne(store, series, std::nullopt, 1).index);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::set<BatchIndex> all;
  for (const auto& mine : indices) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), std::size_t(kWriters * kRecords));
  EXPECT_EQ(*all.rbegin(), kWriters * kRecords - 1);
}

TYPED_TEST_P(StoreContract, ManyCreateAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kSessions = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSessions; ++i) {
        this->Create("r" + std::to_string(i / 10),
                     std::to_string(t) + "." + std::to_string(i) + "/input");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<SeriesId> ids;
  for (const auto& [name, session] : testing::SessionsOf(this->store())) ids.insert(session.series);
  EXPECT_EQ(ids.size(), std::size_t(kThreads * kSessions));
}

TYPED_TEST_P(StoreContract, WhatComesAfterASealIsRefused) {
  const SeriesId series = this->Create();
  std::thread writer([&] {
    for (BatchIndex i = 0; i < 500; ++i) testing::PutOne(this->store(), series, i, 1);
  });
  absl::StatusOr<std::int64_t> sealed = absl::UnknownError("");
  while (!sealed.ok()) sealed = this->store().Seal(series, std::nullopt);
  const std::size_t at_seal = testing::IndicesOf(this->store(), series).size();
  writer.join();
  EXPECT_EQ(at_seal, std::size_t(*sealed));
  EXPECT_EQ(testing::IndicesOf(this->store(), series).size(), std::size_t(*sealed));
}

TYPED_TEST_P(StoreContract, ARunIsDeletedUnderItsWriters) {
  const RunName run = *RunName::Parse("runs/r");
  for (int round = 0; round < 5; ++round) {
    const SeriesId series = this->Create();
    std::atomic<bool> refused{false};
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      for (BatchIndex i = 0; !refused; ++i) {
        const PutResult result = testing::PutOne(this->store(), series, i, 1);
        if (result.outcome == PutResult::kStored) continue;
        EXPECT_TRUE(absl::IsNotFound(result.status)) << result.status;
        refused = true;
      }
    });
    threads.emplace_back([&] {
      while (!refused) {
        const auto reader = this->store().Read(series, 0);
        if (reader.ok()) testing::Drain(**reader);
      }
    });
    while (testing::IndicesOf(this->store(), series).size() < 10) std::this_thread::yield();
    EXPECT_OK(this->store().DeleteRun(run));
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(testing::SessionsOf(this->store()).empty());
  }
}

REGISTER_TYPED_TEST_SUITE_P(
    StoreContract, HasTheSessionsThatWereCreated, ASeriesIdIsGreaterThanAnyBefore,
    KeepsRecordsInIndexOrderAsTheyWere, KeepsWhateverRecordThereIs, TheFirstRecordStays,
    ABatchMayHoldAnIndexTwice, ARecordWithoutAnIndexGoesToTheEnd, ThereIsNoIndexBehindTheLast,
    NoRecordsAreNone, OneThatIsRefusedTakesNoOtherAlong, SeriesAreApart,
    AReaderHasTheMomentAtWhichItWasMade, AReaderGoesOnWhenItsSessionGoes,
    ADeletedSessionIsGoneForGood, AResetSessionBeginsAgain, ALongSeriesGoesLikeAShortOne,
    ADeletedRunIsGoneForGood, ARecordHasToFitTheOthers, WhatIsRefusedFixesNothing,
    WhatIsRefusedEarlyWouldBeRefused, APutReturnsTheSeriesSummary, FactsAreWhatTheRecordsComeTo,
    WhatOneServerPutsAnotherKnows, ASealClosesTheSeries, ManyAreSealedAtOnceAndEachByItself,
    ASealedSeriesStillKnowsWhatItHolds, ACheckpointLeavesTheSeriesAsItIs,
    ACheckpointMayStandForValues, NoCheckpointGoesWithValuesThatNothingElseHas,
    OfManyWritersOneStores, OfManyWithoutAnIndexEachHasItsOwn, ManyCreateAtOnce,
    WhatComesAfterASealIsRefused, ARunIsDeletedUnderItsWriters);

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_H_
