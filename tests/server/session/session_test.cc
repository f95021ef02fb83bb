#include "server/session/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/limits.h"
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

absl::Status NotInterrupted() { return absl::OkStatus(); }

class SessionTest : public ::testing::Test {
 protected:
  std::shared_ptr<Session> Create(const SessionSpec& spec = {}, const std::string& id = "m/input") {
    return *table_.Create(*SessionName::Make(*RunName::Parse("runs/r"), id), spec);
  }

  Ack Add(Session& session, std::optional<BatchIndex> index, double min, double max) {
    return AddRecord(store_, session, index, kOne, MakeRecord(min, max), "w");
  }

  // Checks as a stream does before the data arrive.
  static absl::Status CheckFits(Session& session, Dtype dtype,
                                absl::Span<const std::int64_t> shape) {
    const absl::StatusOr<View> view = session.ViewOf(dtype, shape);
    if (!view.ok()) return view.status();
    return session.CheckFits(*session.CurrentSeries(), dtype, *view);
  }

  MemoryStore store_{1 << 22};
  SessionTable table_{&store_, 100};
};

TEST_F(SessionTest, AnswersTheFoldOfItsRecordsInIndexOrder) {
  const auto session = Create();
  Add(*session, 1, -2, 20);
  Add(*session, 0, -1, 10);
  const auto answer = session->GetMinMax();
  ASSERT_OK(answer);
  EXPECT_FLOAT_EQ(static_cast<float>(answer->folded.range.min[0]), -1 * 0.99F - 2 * 0.01F);
  EXPECT_FLOAT_EQ(static_cast<float>(answer->folded.range.max[0]), 10 * 0.99F + 20 * 0.01F);
  EXPECT_EQ(LoadElement(Dtype::kF32, answer->current.max.bytes.data()), 20);
  EXPECT_EQ(answer->progress.count, 2);
  EXPECT_EQ(answer->progress.contiguous_prefix, 2);
}

// A question folds a prefix and keeps it. This must not change later answers.
TEST_F(SessionTest, EveryOrderWithQuestionsInBetweenGivesTheSameBits) {
  std::mt19937 random(9);
  std::vector<std::pair<double, double>> batches;
  for (int i = 0; i < 30; ++i)
    batches.push_back({-double(random() % 1000), double(random() % 999)});
  std::vector<std::size_t> order(batches.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::optional<FoldedRange> expected;
  for (int round = 0; round < 40; ++round) {
    const auto session = Create({}, "m" + std::to_string(round) + "/input");
    for (std::size_t i : order) {
      Add(*session, static_cast<BatchIndex>(i), batches[i].first, batches[i].second);
      if (random() % 3 == 0) {
        ASSERT_OK(session->GetMinMax());
      }
    }
    const auto answer = session->GetMinMax();
    ASSERT_OK(answer);
    if (!expected) expected = answer->folded;
    EXPECT_EQ(answer->folded.range, expected->range);
    EXPECT_EQ(answer->folded.global, expected->global);
    EXPECT_EQ(LoadElement(Dtype::kF32, answer->current.max.bytes.data()), batches.back().second);
    std::shuffle(order.begin(), order.end(), random);
  }
}

// Compares the session with the definition: the moving average of the records to be folded, in
// double. The series has every kind of record. Each round has another order and other questions.
TEST_F(SessionTest, AgreesWithAPlainFoldOverAnyPartOfASeries) {
  constexpr double kConstant = 0.125;
  std::mt19937 random(31);
  SessionSpec spec;
  spec.non_finite_policy = NonFinitePolicy::kSkip;
  spec.args.averaging_constant = kConstant;
  for (int round = 0; round < 60; ++round) {
    const auto session = Create(spec, "o" + std::to_string(round) + "/input");
    std::map<BatchIndex, double> max;  // NaN: skipped; -1: empty
    std::int64_t conflicts = 0;
    for (int step = 0; step < 40; ++step) {
      const auto index = static_cast<BatchIndex>(random() % 25);
      const std::size_t kind = random() % 5;
      const double value = kind == 0 ? NAN : kind == 1 ? -1 : double(random() % 50);
      const auto record = kind == 1 ? std::make_shared<const Record>(Record::Empty(Dtype::kF32, 0))
                                    : MakeRecord(std::isnan(value) ? NAN : 0, value);
      const Ack ack = AddRecord(store_, *session, index, kOne, record, "w");
      const auto [at, is_new] = max.emplace(index, value);
      const bool same = at->second == value || (std::isnan(at->second) && std::isnan(value));
      ASSERT_EQ(ack.outcome, is_new ? Outcome::kStored
                             : same ? Outcome::kDuplicate
                                    : Outcome::kConflict);
      conflicts += ack.outcome == Outcome::kConflict ? 1 : 0;
      if (random() % 3 != 0) continue;
      std::optional<double> average;
      double last = 0;
      std::int64_t folded = 0;
      BatchIndex prefix = 0;
      for (const auto& [i, current] : max) {
        prefix += i == prefix ? 1 : 0;
        if (std::isnan(current) || current == -1) continue;
        ++folded;
        last = current;
        average = average ? *average * (1 - kConstant) + current * kConstant : current;
      }
      const auto answer = session->GetMinMax();
      ASSERT_EQ(answer.ok(), average.has_value()) << answer.status();
      const Progress progress = session->Snapshot().progress;
      EXPECT_EQ(progress.count, static_cast<std::int64_t>(max.size()));
      EXPECT_EQ(progress.folded_count, folded);
      EXPECT_EQ(progress.contiguous_prefix, prefix);
      EXPECT_EQ(progress.conflict_count, conflicts);
      if (!average) continue;
      EXPECT_DOUBLE_EQ(answer->folded.range.max[0], *average);
      EXPECT_EQ(answer->folded.range.min[0], 0);
      EXPECT_DOUBLE_EQ(answer->folded.global.max[0], *average);
      EXPECT_EQ(answer->current.max[0], last);
      EXPECT_EQ(answer->current_global.max[0], last);
      EXPECT_EQ(answer->progress.folded_count, folded);
    }
  }
}

TEST_F(SessionTest, DuplicatesAndConflictsChangeNothing) {
  const auto session = Create();
  EXPECT_EQ(Add(*session, 0, -1, 1).outcome, Outcome::kStored);
  const auto before = session->GetMinMax();
  EXPECT_EQ(Add(*session, 0, -1, 1).outcome, Outcome::kDuplicate);
  const Ack conflict = Add(*session, 0, -1, 2);
  EXPECT_EQ(conflict.outcome, Outcome::kConflict);
  EXPECT_THAT(conflict.status,
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another record")));
  const auto after = session->GetMinMax();
  EXPECT_EQ(after->folded.range, before->folded.range);
  EXPECT_EQ(after->progress.count, 1);
  EXPECT_EQ(after->progress.conflict_count, 1);
}

TEST_F(SessionTest, WithoutAnIndexItAppends) {
  const auto session = Create();
  EXPECT_EQ(Add(*session, std::nullopt, 0, 1).index, 0);
  EXPECT_EQ(Add(*session, 7, 0, 1).index, 7);
  EXPECT_EQ(Add(*session, std::nullopt, 0, 1).index, 8);
  const Progress progress = session->Snapshot().progress;
  EXPECT_EQ(progress.missing, (std::vector<IndexRange>{{1, 7}}));
  EXPECT_EQ(progress.end_index, 9);
  EXPECT_EQ(progress.contiguous_prefix, 1);
}

TEST_F(SessionTest, AppendAfterTheLargestIndexIsRejected) {
  const auto session = Create();
  EXPECT_EQ(Add(*session, kMaxBatchIndex, 0, 1).outcome, Outcome::kStored);
  const Ack ack = Add(*session, std::nullopt, 0, 1);
  EXPECT_EQ(ack.outcome, Outcome::kRejected);
  EXPECT_THAT(ack.status, StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("index")));
}

TEST_F(SessionTest, TheFirstRecordFixesDtypeAndShape) {
  const auto session = Create();
  ASSERT_OK(CheckFits(*session, Dtype::kBF16, {1, 2}));
  Add(*session, 0, 0, 1);
  EXPECT_THAT(CheckFits(*session, Dtype::kBF16, {1, 2}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dtype is BF16")));
  EXPECT_OK(CheckFits(*session, Dtype::kF32, {1, 2}));
  SessionSpec token;
  token.args.strategy = Strategy::kToken;
  const auto tokens = Create(token, "t/input");
  AddRecord(store_, *tokens, 0, {3}, MakeRecord(0, 1), "w");
  EXPECT_THAT(CheckFits(*tokens, Dtype::kF32, {1, 4, 2}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[4]")));
  EXPECT_OK(CheckFits(*tokens, Dtype::kF32, {1, 0, 2}));
}

TEST_F(SessionTest, EmptyRecordFixesNoDtype) {
  for (const bool empty_first : {true, false}) {
    const auto session = Create({}, empty_first ? "a/input" : "b/input");
    const auto add_empty = [&] {
      return AddRecord(store_, *session, 0, kOne,
                       std::make_shared<const Record>(Record::Empty(Dtype::kBF16, 0)), "w");
    };
    const auto add_other = [&] { return Add(*session, 1, 0, 1); };
    EXPECT_EQ((empty_first ? add_empty() : add_other()).outcome, Outcome::kStored);
    EXPECT_EQ((empty_first ? add_other() : add_empty()).outcome, Outcome::kStored);
    EXPECT_EQ(session->Snapshot().observed_dtype, Dtype::kF32);
    EXPECT_EQ(session->GetMinMax()->progress.count, 2);
  }
}

TEST_F(SessionTest, WorkersBeyondAnyCountAreTalliedTogether) {
  const auto session = Create();
  for (int i = 0; i < 5000; ++i) {
    AddRecord(store_, *session, i, kOne, MakeRecord(0, 1), absl::StrCat("w", i));
  }
  const SessionCoverage coverage = session->Coverage();
  EXPECT_EQ(coverage.total.batches, 5000);
  EXPECT_LE(coverage.workers.size(), 4097U);
  EXPECT_EQ(coverage.workers.at("(others)").batches, 5000 - 4096);
}

TEST_F(SessionTest, ShownSessionNamesFewerMissingRangesThanItsAnswer) {
  const auto session = Create();
  for (int i = 0; i < 300; ++i) Add(*session, 2 * i + 1, 0, 1);
  EXPECT_EQ(session->Snapshot().progress.missing.size(), 100U);
  EXPECT_EQ(session->Snapshot().progress.missing_range_count, 300);
  EXPECT_EQ(session->GetMinMax()->progress.missing.size(), 300U);
}

TEST_F(SessionTest, OnlyTheDtypeOfTheSpecIsAccepted) {
  SessionSpec spec;
  spec.dtype = Dtype::kBF16;
  const auto session = Create(spec);
  EXPECT_THAT(CheckFits(*session, Dtype::kF32, {1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BF16 only")));
  EXPECT_OK(CheckFits(*session, Dtype::kF32, {0}));
  SessionSpec reference;
  reference.arithmetic = Arithmetic::kReference;
  EXPECT_OK(CheckFits(*Create(reference, "e/input"), Dtype::kF8E5M2, {0}));
  EXPECT_THAT(CheckFits(*Create(reference, "n/input"), Dtype::kF8E5M2, {1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("F8_E5M2")));
}

TEST_F(SessionTest, SessionWithoutRecordsToFoldReturnsAnError) {
  SessionSpec spec;
  spec.non_finite_policy = NonFinitePolicy::kSkip;
  const auto session = Create(spec);
  EXPECT_THAT(session->GetMinMax(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no observation")));
  AddRecord(store_, *session, 0, kOne,
            std::make_shared<const Record>(Record::Empty(Dtype::kF32, 0)), "w");
  Add(*session, 1, NAN, NAN);
  EXPECT_THAT(session->GetMinMax(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("1 are empty and 1 hold")));
  EXPECT_EQ(session->Snapshot().progress.count, 2);
  EXPECT_EQ(session->Snapshot().progress.folded_count, 0);
}

TEST_F(SessionTest, NonFiniteRecordsMeetThePolicy) {
  SessionSpec reject;
  reject.non_finite_policy = NonFinitePolicy::kReject;
  const auto rejecting = Create(reject, "a/input");
  const Ack ack = Add(*rejecting, 0, 0, INFINITY);
  EXPECT_EQ(ack.outcome, Outcome::kRejected);
  EXPECT_THAT(ack.status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("infinity")));
  EXPECT_EQ(rejecting->Snapshot().progress.count, 0);

  SessionSpec skip;
  skip.non_finite_policy = NonFinitePolicy::kSkip;
  const auto skipping = Create(skip, "b/input");
  Add(*skipping, 0, 0, 1);
  Add(*skipping, 1, NAN, NAN);
  EXPECT_EQ(skipping->GetMinMax()->folded.range.max[0], 1);

  const auto propagating = Create({}, "c/input");
  Add(*propagating, 0, 0, 1);
  Add(*propagating, 1, NAN, NAN);
  EXPECT_TRUE(std::isnan(propagating->GetMinMax()->folded.range.max[0]));
}

TEST_F(SessionTest, ResetRemovesAllRecords) {
  const auto session = Create();
  Add(*session, 0, -1, 1);
  ASSERT_OK(session->GetMinMax());
  ASSERT_OK(session->Reset());
  EXPECT_FALSE(session->GetMinMax().ok());
  EXPECT_EQ(session->Snapshot().progress.count, 0);
  EXPECT_EQ(Add(*session, 0, -5, 5).outcome, Outcome::kStored);
  EXPECT_EQ(session->GetMinMax()->folded.range.max[0], 5);
}

TEST_F(SessionTest, DeletedSessionRejectsRecords) {
  const auto session = Create();
  Add(*session, 0, -1, 1);
  ASSERT_OK(table_.Delete(session->name().full()));
  EXPECT_EQ(store_.bytes(), 0);
  const Ack ack = Add(*session, 1, 0, 1);
  EXPECT_EQ(ack.outcome, Outcome::kRejected);
  EXPECT_TRUE(absl::IsNotFound(ack.status)) << ack.status;
  EXPECT_TRUE(absl::IsNotFound(session->GetMinMax().status()));
}

// A caller that found the session just before its deletion must not be told that the session was
// reset, and must not create a series that nobody can delete.
TEST_F(SessionTest, DeletedSessionCannotBeReset) {
  const auto session = Create();
  ASSERT_OK(table_.Delete(session->name().full()));
  const auto changes = table_.feed().Subscribe(*NameFilter::Make("runs/-", ""));
  EXPECT_THAT(session->Reset(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("m/input")));
  EXPECT_TRUE(changes->Poll(absl::ZeroDuration()).empty());
  EXPECT_TRUE(absl::IsNotFound(Add(*session, 0, 0, 1).status));
  EXPECT_TRUE(absl::IsNotFound(session->WaitForCount(1, absl::InfiniteFuture(), NotInterrupted)));
  EXPECT_EQ(store_.bytes(), 0);
}

TEST_F(SessionTest, WaitsForACount) {
  const auto session = Create();
  std::thread waiter(
      [&] { EXPECT_OK(session->WaitForCount(2, absl::InfiniteFuture(), NotInterrupted)); });
  Add(*session, 0, 0, 1);
  Add(*session, 1, 0, 1);
  waiter.join();
  EXPECT_OK(session->WaitForCount(2, absl::InfinitePast(), NotInterrupted));
  EXPECT_THAT(session->WaitForCount(3, absl::Now() + absl::Milliseconds(1), NotInterrupted),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("2 of the 3")));
  EXPECT_TRUE(absl::IsCancelled(
      session->WaitForCount(3, absl::InfiniteFuture(), [] { return absl::CancelledError(); })));
}

TEST_F(SessionTest, DeletionEndsAWait) {
  const auto session = Create();
  std::thread waiter([&] {
    EXPECT_TRUE(absl::IsNotFound(session->WaitForCount(1, absl::InfiniteFuture(), NotInterrupted)));
  });
  ASSERT_OK(table_.Delete(session->name().full()));
  waiter.join();
}

TEST_F(SessionTest, CoverageIsByWorkerAndWithoutDuplicates) {
  const auto session = Create();
  AddRecord(store_, *session, 0, kOne, MakeRecord(0, 1, 10), "a");
  AddRecord(store_, *session, 0, kOne, MakeRecord(0, 1, 10), "b");
  AddRecord(store_, *session, 1, kOne, MakeRecord(0, 1, 5), "b");
  AddRecord(store_, *session, 2, kOne,
            std::make_shared<const Record>(Record::Empty(Dtype::kF32, 0)), "b");
  const SessionCoverage coverage = session->Coverage();
  EXPECT_EQ(coverage.total.batches, 3);
  EXPECT_EQ(coverage.total.tokens, 15);
  EXPECT_EQ(coverage.empty_batches, 1);
  EXPECT_EQ(coverage.workers.at("a").tokens, 10);
  EXPECT_EQ(coverage.workers.at("b").batches, 2);
}

}  // namespace
}  // namespace calipers::server
