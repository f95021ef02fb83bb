#include "core/digest/digest.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "tests/support/records.h"

namespace calipers::server {
namespace {

using calipers::testing::MakeRecord;

std::string Hex(const Digest& digest) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

// Digests are stored, so they must stay as they are. Python's xxhash 4.1 computed these:
//   seed = xxh3_64_intdigest(bytes([dtype]) + struct.pack("<Q", num_observations))
//   xxh3_128_hexdigest(values, seed)
TEST(DigestTest, NeverChanges) {
  EXPECT_EQ(Hex(DigestOf(*MakeRecord(-1, 2, 3))), "f7dffb8553bb300afbd8c23161f37fc9");
  EXPECT_EQ(Hex(DigestOf(Record::Empty(Dtype::kBF16, 5))), "c5c17b779decb6d17ce075ba27b029ff");
}

TEST(DigestTest, EqualRecordsHaveEqualDigests) {
  EXPECT_EQ(DigestOf(*MakeRecord(-1, 2, 3)), DigestOf(*MakeRecord(-1, 2, 3)));
}

TEST(DigestTest, DifferentRecordsHaveDifferentDigests) {
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
