#include "server/session/acknowledge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

Ack AckOf(const PutResult& result) {
  return Acknowledge(*SessionName::Parse("runs/r/sessions/m/input"), result);
}

TEST(AcknowledgeTest, TheOrdinalIsNotSet) {
  EXPECT_EQ(AckOf({PutResult::kStored, 7}).ordinal, Ack().ordinal);
}

TEST(AcknowledgeTest, StoredRecordsAndDuplicatesHaveAnIndexAndNoReason) {
  const Ack stored = AckOf({PutResult::kStored, 7});
  EXPECT_EQ(stored.outcome, Outcome::kStored);
  EXPECT_EQ(stored.index, 7);
  EXPECT_OK(stored.status);
  const Ack duplicate = AckOf({PutResult::kDuplicate, 8});
  EXPECT_EQ(duplicate.outcome, Outcome::kDuplicate);
  EXPECT_EQ(duplicate.index, 8);
  EXPECT_OK(duplicate.status);
}

TEST(AcknowledgeTest, ConflictNamesTheIndexAndTheSession) {
  const Ack ack = AckOf({PutResult::kConflict, 7});
  EXPECT_EQ(ack.outcome, Outcome::kConflict);
  EXPECT_EQ(ack.index, 7);
  EXPECT_THAT(ack.status,
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("index 7"), HasSubstr("runs/r/sessions/m/input"))));
}

// Only a record that is known to be stored is acknowledged as stored.
TEST(AcknowledgeTest, WhatIsRefusedOrUncertainIsRejectedWithItsReason) {
  const absl::Status reason = absl::UnavailableError("the disk");
  for (const PutResult::Outcome outcome : {PutResult::kRefused, PutResult::kUncertain}) {
    const Ack ack = AckOf({outcome, 7, reason});
    EXPECT_EQ(ack.outcome, Outcome::kRejected);
    EXPECT_EQ(ack.index, 7);
    EXPECT_EQ(ack.status, reason);
  }
  EXPECT_EQ(AckOf({PutResult::kRefused, -1, reason}).index, -1);
}

}  // namespace
}  // namespace calipers::server
