#include "server/model/digest.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/support/records.h"

namespace calipers::server {
namespace {

using calipers::testing::MakeRecord;

TEST(DigestTest, EqualRecordsHaveEqualDigests) {
  EXPECT_EQ(DigestOf(*MakeRecord(-1, 2, 3)), DigestOf(*MakeRecord(-1, 2, 3)));
}

TEST(DigestTest, WhateverDiffersShows) {
  const std::vector<std::byte> zero(4);
  std::set<Digest> digests;
  digests.insert(DigestOf(*MakeRecord(-1, 2, 3)));
  digests.insert(DigestOf(*MakeRecord(-1, 2, 4)));
  digests.insert(DigestOf(*MakeRecord(-1, 3, 3)));
  digests.insert(DigestOf(*MakeRecord(-2, 2, 3)));
  digests.insert(DigestOf(*MakeRecord(0, 0)));
  digests.insert(DigestOf(*MakeRecord(-0.0, 0)));
  digests.insert(DigestOf(Record::Empty(Dtype::kF32, 0)));
  digests.insert(DigestOf(Record::Empty(Dtype::kF32, 1)));
  digests.insert(DigestOf(Record::Empty(Dtype::kBF16, 0)));
  digests.insert(DigestOf(*Record::Make(Dtype::kI32, 1, zero, zero, zero, zero)));
  EXPECT_EQ(digests.size(), 10U);
}

}  // namespace
}  // namespace calipers::server
