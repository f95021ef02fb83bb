#include "server/storage/sealing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

IndexSet Of(std::initializer_list<BatchIndex> indices) {
  IndexSet set;
  for (const BatchIndex index : indices) set.Insert(index);
  return set;
}

TEST(SealingTest, WholeSeriesIsSealedAtItsCount) {
  EXPECT_EQ(*CountToSealAt(Of({0, 1, 2}), std::nullopt, std::nullopt), 3);
  EXPECT_EQ(*CountToSealAt(Of({2, 0, 1}), std::nullopt, 3), 3);
}

TEST(SealingTest, MissingRangesAreNamed) {
  const auto precondition = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(CountToSealAt(Of({0, 2, 6}), std::nullopt, std::nullopt),
              StatusIs(precondition, HasSubstr("1, 3-5")));
  EXPECT_THAT(CountToSealAt(Of({0, 1}), std::nullopt, 5),
              StatusIs(precondition, AllOf(HasSubstr("2-4"), HasSubstr("send them"))));
  IndexSet many;
  for (BatchIndex i = 0; i < 100; ++i) many.Insert(2 * i + 1);
  EXPECT_THAT(CountToSealAt(many, std::nullopt, 200),
              StatusIs(precondition, AllOf(HasSubstr("0, 2, 4"), HasSubstr("80 more"))));
}

TEST(SealingTest, RecordsBeyondTheCountKeepItOpen) {
  EXPECT_THAT(CountToSealAt(Of({0, 1, 2}), std::nullopt, 2),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("reach to 3")));
}

TEST(SealingTest, EmptySeriesIsNotSealed) {
  EXPECT_THAT(CountToSealAt({}, std::nullopt, std::nullopt),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no observation")));
  EXPECT_THAT(CountToSealAt({}, std::nullopt, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("count is 0")));
}

TEST(SealingTest, SealIsForGood) {
  EXPECT_EQ(*CountToSealAt(Of({0, 1}), 2, std::nullopt), 2);
  EXPECT_EQ(*CountToSealAt(Of({0, 1}), 2, 2), 2);
  EXPECT_THAT(CountToSealAt(Of({0, 1}), 2, 1),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sealed at 2")));
  EXPECT_THAT(SealedError(7, 2),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("index 7"), HasSubstr("2 records"), Not(HasSubstr("??")))));
}

}  // namespace
}  // namespace calipers::server
