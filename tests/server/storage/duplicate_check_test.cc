#include "server/storage/duplicate_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stored.h"

namespace calipers::server {
namespace {

using calipers::testing::MakeIdentity;
using calipers::testing::MakeNew;
using calipers::testing::MakeObserved;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

using Place = DuplicateCheck::Place;

// By default, records are F32 and have the qparam shape (1).
class DuplicateCheckTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const SeriesRecord> Empty(Dtype dtype) {
    return SeriesRecord::Make(Record::Empty(dtype, 1), {0, 4},
                              std::make_shared<const std::string>("w"));
  }
  static std::shared_ptr<const SeriesRecord> Zero(Dtype dtype) {
    const std::vector<std::byte> zero(ByteSize(dtype));
    return SeriesRecord::Make(*Record::Make(dtype, 1, zero, zero, zero, zero), {4},
                              std::make_shared<const std::string>("w"));
  }
  DuplicateCheck::Decision Decide(std::optional<BatchIndex> index,
                                  std::shared_ptr<const SeriesRecord> observed = MakeObserved(0),
                                  Shape shape = {1}) {
    records_.push_back({SeriesId{1}, index, std::move(observed), std::move(shape)});
    return check_.Decide(facts_, records_.back());
  }
  void AddStored(BatchIndex index) { facts_.Add(identity_->spec, index, *MakeObserved(0), {1}); }
  void ExpectOtherFormsRefused() {
    EXPECT_THAT(Decide(std::nullopt, Zero(Dtype::kBF16)).status,
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BF16")));
    EXPECT_THAT(Decide(std::nullopt, MakeObserved(0), {2}).status,
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[2]")));
  }

  const std::shared_ptr<const SessionIdentity> identity_ = MakeIdentity("r");
  SeriesFacts facts_;
  std::deque<NewRecord> records_;
  DuplicateCheck check_{identity_.get()};
};

TEST_F(DuplicateCheckTest, WithoutAnIndexARecordGoesToTheEnd) {
  EXPECT_EQ(Decide(std::nullopt).index, 0);
  EXPECT_EQ(Decide(9).index, 9);
  EXPECT_EQ(Decide(std::nullopt).index, 10);
}

TEST_F(DuplicateCheckTest, StoredRecordTakesItsIndexAndIsNotPending) {
  AddStored(4);
  const DuplicateCheck::Decision taken = Decide(4);
  EXPECT_EQ(taken.place, Place::kTaken);
  EXPECT_EQ(taken.index, 4);
  EXPECT_EQ(check_.Find(4), nullptr);
  EXPECT_EQ(Decide(std::nullopt).index, 5);
}

TEST_F(DuplicateCheckTest, PendingRecordTakesItsIndexAndIsFound) {
  for (const BatchIndex index : {2, 0, 1}) {
    EXPECT_EQ(check_.Find(index), nullptr);
    EXPECT_EQ(Decide(index).place, Place::kFree);
    const SeriesRecord* const pending = records_.back().observed.get();
    EXPECT_EQ(Decide(index).place, Place::kTaken);
    EXPECT_EQ(check_.Find(index), pending);
  }
}

TEST_F(DuplicateCheckTest, EachOfManyPendingRecordsIsFound) {
  for (BatchIndex i = 0; i < 100; ++i) {
    ASSERT_EQ(Decide(2 * i).place, Place::kFree) << i;
    for (BatchIndex earlier = 0; earlier <= i; ++earlier) {
      ASSERT_EQ(check_.Find(2 * earlier), records_[earlier].observed.get()) << i;
      ASSERT_EQ(check_.Find(2 * earlier + 1), nullptr) << i;
    }
  }
}

TEST_F(DuplicateCheckTest, TheFactsChangeWhenItIsApplied) {
  Decide(1);
  Decide(0);
  EXPECT_EQ(facts_.Summary(), SeriesSummary());
  ASSERT_EQ(check_.pending().size(), 2U);
  EXPECT_EQ(check_.pending()[0].index, 1);
  EXPECT_EQ(check_.pending()[1].index, 0);
  check_.ApplyTo(facts_);
  EXPECT_EQ(facts_.Summary().count, 2);
  EXPECT_EQ(facts_.Summary().contiguous_prefix, 2);
}

TEST_F(DuplicateCheckTest, ConflictsAreCountedAndDuplicatesAreNot) {
  AddStored(0);
  Decide(1);
  const Digest held = MakeObserved(0)->digest;
  for (const BatchIndex index : {0, 1}) {
    EXPECT_EQ(check_.Compare(index, held, *MakeObserved(0)).outcome, PutResult::kDuplicate);
    const PutResult other = check_.Compare(index, held, *MakeObserved(1));
    EXPECT_EQ(other.outcome, PutResult::kConflict);
    EXPECT_EQ(other.index, index);
    EXPECT_EQ(check_.conflicts_with_stored(), 1);
  }
  facts_.conflict_count = 10;
  check_.ApplyTo(facts_);
  EXPECT_EQ(facts_.conflict_count, 12);
}

TEST_F(DuplicateCheckTest, IndexBeyondTheLimitsIsRefused) {
  EXPECT_EQ(Decide(kMaxBatchIndex).place, Place::kFree);
  EXPECT_EQ(Decide(-1).status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Decide(kMaxBatchIndex + 1).status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Decide(std::nullopt).status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(check_.pending().size(), 1U);
}

TEST_F(DuplicateCheckTest, SealedSeriesRefusesOnlyWhatItDoesNotHold) {
  AddStored(0);
  facts_.sealed_count = 1;
  EXPECT_EQ(Decide(0).place, Place::kTaken);
  EXPECT_EQ(Decide(std::nullopt).status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(check_.pending().empty());
}

TEST_F(DuplicateCheckTest, StoredRecordFixesTheForm) {
  AddStored(0);
  ExpectOtherFormsRefused();
}

TEST_F(DuplicateCheckTest, PendingRecordFixesTheFormAndARefusedOneDoesNot) {
  EXPECT_EQ(Decide(-1, Zero(Dtype::kBF16)).place, Place::kRefused);
  EXPECT_EQ(Decide(0, Empty(Dtype::kF32), {2}).place, Place::kFree);
  EXPECT_EQ(Decide(1).place, Place::kFree);
  ExpectOtherFormsRefused();
}

TEST_F(DuplicateCheckTest, EmptyRecordFitsEverySeries) {
  AddStored(0);
  EXPECT_EQ(Decide(1, Empty(Dtype::kBF16), {2}).place, Place::kFree);
  EXPECT_EQ(Decide(2).place, Place::kFree);
}

TEST_F(DuplicateCheckTest, EmptyRecordsAreEqualInAnyDtype) {
  for (const Dtype dtype : kAllDtypes) {
    EXPECT_EQ(check_.Compare(0, Empty(Dtype::kBF16)->digest, *Empty(dtype)).outcome,
              PutResult::kDuplicate);
    EXPECT_EQ(check_.Compare(0, Zero(dtype)->digest, *Empty(dtype)).outcome, PutResult::kConflict);
    EXPECT_EQ(check_.Compare(0, Empty(dtype)->digest, *Zero(dtype)).outcome, PutResult::kConflict);
  }
  const auto of_more_tokens =
      SeriesRecord::Make(Record::Empty(Dtype::kF32, 2), {0, 4}, Empty(Dtype::kF32)->worker);
  EXPECT_EQ(check_.Compare(0, Empty(Dtype::kF32)->digest, *of_more_tokens).outcome,
            PutResult::kConflict);
}

TEST(RefusedTest, KeepsTheGivenIndexAndTheReason) {
  const absl::Status reason = absl::DataLossError("why");
  const PutResult result = Refused(MakeNew(SeriesId{1}, 3, 0), reason);
  EXPECT_EQ(result.outcome, PutResult::kRefused);
  EXPECT_EQ(result.index, 3);
  EXPECT_EQ(result.status, reason);
  EXPECT_EQ(Refused(MakeNew(SeriesId{1}, std::nullopt, 0), reason).index, -1);
}

}  // namespace
}  // namespace calipers::server
