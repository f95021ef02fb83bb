// Operations on the whole series of a session: other folds, sweeps, seals, checkpoints, and
// reopening from a store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/session/session_table.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/add_record.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::AddRecord;
using calipers::testing::kOne;
using calipers::testing::MakeRecord;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

class SessionSeriesTest : public ::testing::Test {
 protected:
  std::shared_ptr<Session> Create(const std::string& id, const SessionSpec& spec = {}) {
    return *table_.Create(*SessionName::Make(*RunName::Parse("runs/r"), id), spec);
  }

  void Add(Session& session, BatchIndex index, const std::string& worker = "w") {
    // Values without a trend and without repetition.
    const auto spread = static_cast<double>(1 + (index * 37) % 101);
    const auto record = MakeRecord(-spread, spread * 0.75, 1 + index % 5);
    EXPECT_EQ(AddRecord(store_, session, index, kOne, record, worker).outcome, Outcome::kStored);
  }
  void AddAll(Session& session, BatchIndex end) {
    for (BatchIndex i = 0; i < end; ++i) Add(session, i, absl::StrCat("w", i % 3));
  }

  // Puts a record at the index into the store, and returns the result.
  PutResult Store(const Session& session, BatchIndex index) {
    const NewRecord added{
        *session.CurrentSeries(), index,
        SeriesRecord::Make(*MakeRecord(-1, 1), kOne, std::make_shared<const std::string>("w")),
        ToShape(kOne)};
    return store_.PutIfAbsent({&added, 1}).at(0);
  }
  static PutResult Fail(BatchIndex index) {
    return {PutResult::kUncertain, index, absl::UnavailableError("the disk")};
  }

  // The same session as another process would read it from the store.
  std::unique_ptr<Session> Reopen(const Session& session) {
    std::optional<StoredSession> found;
    EXPECT_OK(store_.ForEachSession([&](StoredSession stored) {
      if (stored.identity->name.full() == session.name().full()) found = std::move(stored);
    }));
    return std::make_unique<Session>(*found, &store_, &feed_);
  }

  MemoryStore store_{1 << 24};
  SessionTable table_{&store_, 100};
  ChangeFeed feed_;
};

void ExpectSameAnswer(const absl::StatusOr<MinMaxAnswer>& one,
                      const absl::StatusOr<MinMaxAnswer>& two) {
  ASSERT_OK(one);
  ASSERT_OK(two);
  EXPECT_EQ(one->folded.range, two->folded.range);
  EXPECT_EQ(one->folded.global, two->folded.global);
  EXPECT_EQ(one->folded.global_of_range, two->folded.global_of_range);
  EXPECT_EQ(one->current, two->current);
  EXPECT_EQ(one->current_global, two->current_global);
  EXPECT_EQ(one->progress.count, two->progress.count);
}

TEST_F(SessionSeriesTest, FoldOfAnotherObserverEqualsThatOfItsSession) {
  const auto session = Create("m/input");
  AddAll(*session, 20);
  for (const std::string observer : {"static_minmax", "memoryless_minmax", "minmax"}) {
    SessionSpec spec;
    spec.args.observer = observer;
    spec.args.averaging_constant = 0.3;
    const auto other = Create(observer + "/input", spec);
    AddAll(*other, 20);
    FoldRequest fold;
    fold.observer = observer;
    fold.averaging_constant = 0.3;
    ExpectSameAnswer(session->GetMinMax(fold), other->GetMinMax());
  }
  ExpectSameAnswer(session->GetMinMax(FoldRequest()), session->GetMinMax());
}

TEST_F(SessionSeriesTest, ExcludedRecordsAreNotFolded) {
  const auto session = Create("m/input");
  const auto without = Create("n/input");
  for (BatchIndex i = 0; i < 12; ++i) {
    if (i == 5) {
      AddRecord(store_, *session, i, kOne, MakeRecord(NAN, NAN), "w");
    } else {
      Add(*session, i);
      if (i != 7 && i != 8) Add(*without, i);
    }
  }
  EXPECT_TRUE(std::isnan(session->GetMinMax()->folded.range.min[0]));
  FoldRequest fold;
  fold.exclude = {{5, 6}, {7, 9}};
  const auto answer = session->GetMinMax(fold);
  const auto expected = without->GetMinMax();
  ASSERT_OK(answer);
  ASSERT_OK(expected);
  EXPECT_EQ(answer->folded.range, expected->folded.range);
  fold.exclude = {{0, 100}};
  EXPECT_THAT(session->GetMinMax(fold),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("exclude")));
}

TEST_F(SessionSeriesTest, RefusesInvalidFolds) {
  const auto session = Create("m/input");
  AddAll(*session, 2);
  FoldRequest fold;
  fold.observer = "mse";
  EXPECT_THAT(session->GetMinMax(fold),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("static_minmax")));
  fold = FoldRequest();
  fold.averaging_constant = 1.5;
  EXPECT_THAT(session->GetMinMax(fold),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("averaging_constant")));
}

TEST_F(SessionSeriesTest, SweepAgreesWithTheFoldOfEachConstant) {
  SessionSpec spec;
  spec.non_finite_policy = NonFinitePolicy::kSkip;
  spec.weighting = Weighting::kNumObservations;
  const auto session = Create("m/input", spec);
  AddAll(*session, 30);
  AddRecord(store_, *session, 30, kOne, MakeRecord(0, INFINITY), "w");
  const std::vector<double> constants = {0, 0.001, 0.01, 0.5, 1};
  const std::vector<IndexRange> exclude = {{3, 6}};
  const auto sweep = session->Sweep(constants, exclude);
  ASSERT_OK(sweep);
  ASSERT_EQ(sweep->folded.size(), constants.size());
  EXPECT_EQ(sweep->progress.count, 31);
  for (std::size_t i = 0; i < constants.size(); ++i) {
    FoldRequest fold;
    fold.averaging_constant = constants[i];
    fold.exclude = exclude;
    const auto answer = session->GetMinMax(fold);
    ASSERT_OK(answer);
    EXPECT_FLOAT_EQ(static_cast<float>(sweep->folded[i].range.min[0]),
                    static_cast<float>(answer->folded.range.min[0]));
    EXPECT_FLOAT_EQ(static_cast<float>(sweep->folded[i].global.max[0]),
                    static_cast<float>(answer->folded.global.max[0]));
  }
  EXPECT_THAT(session->Sweep({}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("averaging_constants")));
}

TEST_F(SessionSeriesTest, SealedSessionTakesNoMoreAndSaysSo) {
  const auto session = Create("m/input");
  Add(*session, 0);
  Add(*session, 2);
  EXPECT_THAT(session->Seal(std::nullopt),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("1")));
  Add(*session, 1);
  const auto before = session->GetMinMax();
  ASSERT_OK(session->Seal(3));
  EXPECT_EQ(session->Snapshot().sealed_count, 3);
  const Ack late = AddRecord(store_, *session, 3, kOne, MakeRecord(-1000, 1000), "w");
  EXPECT_THAT(late.status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sealed")));
  const auto again = MakeRecord(-(1.0 + 37), (1.0 + 37) * 0.75, 2);
  EXPECT_EQ(AddRecord(store_, *session, 1, kOne, again, "w").outcome, Outcome::kDuplicate);
  ExpectSameAnswer(session->GetMinMax(), before);
  EXPECT_EQ(*session->Seal(std::nullopt), 3);
  EXPECT_THAT(session->Seal(2), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("3")));
  EXPECT_EQ(Reopen(*session)->Snapshot().sealed_count, 3);
  ASSERT_OK(session->Reset());
  EXPECT_EQ(session->Snapshot().sealed_count, std::nullopt);
  Add(*session, 0);
}

TEST_F(SessionSeriesTest, RecordsStoredAfterAFailedWriteAreCounted) {
  const auto session = Create("m/input");
  AddAll(*session, 10);
  ASSERT_OK(session->CheckpointNow());
  const SeriesId series = *session->CurrentSeries();
  EXPECT_EQ(session->Acknowledge(series, Fail(10)).outcome, Outcome::kRejected);
  session->Acknowledge(series, Store(*session, 11));
  EXPECT_EQ(session->Snapshot().progress.count, 11);
  EXPECT_EQ(session->Snapshot().progress.contiguous_prefix, 10);
  EXPECT_EQ(session->Coverage().total.batches, 11);
  Add(*session, 10);
  EXPECT_EQ(*session->Seal(12), 12);
}

// A seal and an answer include every record in the store, also before its acknowledgement.
TEST_F(SessionSeriesTest, SealWaitsForNoAcknowledgement) {
  const auto session = Create("m/input");
  const SeriesId series = *session->CurrentSeries();
  const PutResult stored = Store(*session, 0);
  EXPECT_EQ(*session->Seal(1), 1);
  EXPECT_EQ(session->Snapshot().progress.count, 1);
  EXPECT_EQ(session->Snapshot().sealed_count, 1);
  session->Acknowledge(series, Fail(1));
  session->Acknowledge(series, stored);
  EXPECT_EQ(session->Snapshot().progress.count, 1);
}

TEST_F(SessionSeriesTest, WaitOutlivesAWriteThatFails) {
  const auto session = Create("m/input");
  const SeriesId series = *session->CurrentSeries();
  std::thread waiting([&] {
    EXPECT_OK(session->WaitForCount(1, absl::InfiniteFuture(), [] { return absl::OkStatus(); }));
  });
  session->Acknowledge(series, Fail(1));
  session->Acknowledge(series, Store(*session, 0));
  waiting.join();
  EXPECT_EQ(session->Snapshot().progress.count, 1);
}

// Another server puts the record, so this server receives no result of the put.
TEST_F(SessionSeriesTest, WaitNoticesRecordsOfOtherServers) {
  const auto session = Create("m/input");
  std::thread waiting([&] {
    EXPECT_OK(session->WaitForCount(1, absl::InfiniteFuture(), [] { return absl::OkStatus(); }));
  });
  Store(*session, 0);
  waiting.join();
}

class ReopenTest : public SessionSeriesTest, public ::testing::WithParamInterface<Retention> {};

INSTANTIATE_TEST_SUITE_P(Retentions, ReopenTest,
                         ::testing::Values(Retention::kSeries, Retention::kFolded));

// Before and after checkpoints, with gaps, and with questions in between.
TEST_P(ReopenTest, ReopenedSessionEqualsTheOriginal) {
  SessionSpec spec;
  spec.retention = GetParam();
  const auto quiet = Create("quiet/input");
  const auto session = Create("m/input", spec);
  BatchIndex next = 0;
  for (const BatchIndex count : {1, 5, 100, 3, 200}) {
    for (BatchIndex i = 0; i < count; ++i, ++next) {
      Add(*session, next, absl::StrCat("w", next % 3));
      Add(*quiet, next, absl::StrCat("w", next % 3));
    }
    if (count != 3) {
      ASSERT_OK(session->CheckpointNow());
    }
    const auto reopened = Reopen(*session);
    ExpectSameAnswer(reopened->GetMinMax(), quiet->GetMinMax());
    ExpectSameAnswer(session->GetMinMax(), quiet->GetMinMax());
    const SessionSnapshot snapshot = reopened->Snapshot();
    EXPECT_OK(snapshot.problem);
    EXPECT_EQ(snapshot.progress.count, next);
    EXPECT_EQ(snapshot.progress.folded_count, next);
    EXPECT_EQ(snapshot.progress.contiguous_prefix, next);
    EXPECT_EQ(snapshot.progress.num_observations, quiet->Snapshot().progress.num_observations);
    EXPECT_EQ(snapshot.observed_dtype, Dtype::kF32);
    EXPECT_EQ(snapshot.qparam_shape, kOne);
    const SessionCoverage coverage = reopened->Coverage();
    EXPECT_EQ(coverage.total.tokens, session->Coverage().total.tokens);
    EXPECT_EQ(coverage.workers.size(), session->Coverage().workers.size());
    for (const auto& [worker, tally] : session->Coverage().workers) {
      EXPECT_EQ(coverage.workers.at(worker).batches, tally.batches);
      EXPECT_EQ(coverage.workers.at(worker).tokens, tally.tokens);
    }
  }
  Add(*session, next + 4);
  Add(*quiet, next + 4);
  const auto reopened = Reopen(*session);
  ExpectSameAnswer(reopened->GetMinMax(), quiet->GetMinMax());
  EXPECT_EQ(reopened->Snapshot().progress.missing.size(), 1U);
  // Retries and conflicts are told apart. For dropped values, the digest decides.
  const double spread = 1 + 37;
  EXPECT_EQ(
      AddRecord(store_, *reopened, 1, kOne, MakeRecord(-spread, spread * 0.75, 2), "w").outcome,
      Outcome::kDuplicate);
  EXPECT_EQ(AddRecord(store_, *reopened, 1, kOne, MakeRecord(-spread, 0, 2), "w").outcome,
            Outcome::kConflict);
}

// Of the results of one call, only the last one of a series must have the summary.
TEST_F(SessionSeriesTest, ADuplicateTellsOfTheRecordsBeforeIt) {
  SessionSpec spec;
  spec.retention = Retention::kFolded;
  const auto session = Create("m/input", spec);
  const auto observed =
      SeriesRecord::Make(*MakeRecord(-1, 1), kOne, std::make_shared<const std::string>("w"));
  std::vector<NewRecord> records;
  for (BatchIndex i = 0; i < 200; ++i) {
    records.push_back({*session->CurrentSeries(), i, observed, ToShape(kOne)});
  }
  records.push_back(records[0]);
  const std::vector<PutResult> results = store_.PutIfAbsent(records);
  ASSERT_EQ(results.back().outcome, PutResult::kDuplicate);
  for (const PutResult& result : results) session->Acknowledge(records[0].series, result);
  EXPECT_TRUE(session->ClaimDueCheckpoint());
}

TEST_F(SessionSeriesTest, FoldedSeriesDropsValuesAndAnswersForItsOwnObserverAlone) {
  SessionSpec spec;
  spec.retention = Retention::kFolded;
  const auto session = Create("m/input", spec);
  AddAll(*session, 200);
  ASSERT_TRUE(session->ClaimDueCheckpoint());
  EXPECT_FALSE(session->ClaimDueCheckpoint());
  const std::int64_t before = store_.bytes();
  ASSERT_OK(session->CheckpointNow());
  EXPECT_LT(store_.bytes(), before);
  EXPECT_THAT(session->GetMinMax(FoldRequest()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FOLDED")));
  EXPECT_TRUE(absl::IsFailedPrecondition(session->Sweep({0.5}, {}).status()));
  const auto reader = session->ReadSeries(0);
  ASSERT_OK(reader);
  SeriesReader::Entry entry;
  BatchIndex count = 0;
  for (; *(*reader)->Next(entry); ++count) {
    EXPECT_EQ(entry.index, count);
    EXPECT_TRUE(entry.observed->dropped);
    EXPECT_TRUE(entry.observed->record.empty());
  }
  EXPECT_EQ(count, 200);
}

TEST_F(SessionSeriesTest, DroppedFoldIsRebuilt) {
  const auto session = Create("m/input");
  AddAll(*session, 50);
  const auto before = session->GetMinMax();
  EXPECT_GT(session->FoldBytes(), 0U);
  session->DropFold();
  EXPECT_EQ(session->FoldBytes(), 0U);
  ExpectSameAnswer(session->GetMinMax(), before);
}

}  // namespace
}  // namespace calipers::server
