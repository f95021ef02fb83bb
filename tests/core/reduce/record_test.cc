#include "core/reduce/record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/elements.h"
#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::Packed;
using ::testing::HasSubstr;
using testing::StatusIs;

absl::StatusOr<Record> Make(const std::vector<double>& min, const std::vector<double>& max,
                            double global_min, double global_max, Dtype dtype = Dtype::kBF16) {
  return Record::Make(dtype, 3, Packed(dtype, min).bytes, Packed(dtype, max).bytes,
                      Packed(dtype, {global_min}).bytes, Packed(dtype, {global_max}).bytes);
}

TEST(RecordTest, HoldsWhatItWasMadeFrom) {
  const auto record = Make({-1, 2}, {4, 8}, -1, 8);
  ASSERT_OK(record);
  EXPECT_EQ(record->num_params(), 2U);
  EXPECT_EQ(record->num_observations(), 3);
  EXPECT_FALSE(record->empty());
  EXPECT_EQ(record->min(), absl::MakeConstSpan(Packed(Dtype::kBF16, {-1, 2}).bytes));
  EXPECT_EQ(record->max(), absl::MakeConstSpan(Packed(Dtype::kBF16, {4, 8}).bytes));
  EXPECT_EQ(record->global_min(), absl::MakeConstSpan(Packed(Dtype::kBF16, {-1}).bytes));
  EXPECT_EQ(record->global_max(), absl::MakeConstSpan(Packed(Dtype::kBF16, {8}).bytes));
  EXPECT_FALSE(record->saw_nan());
  EXPECT_FALSE(record->saw_inf());
}

TEST(RecordTest, EmptyRecordHasNoValues) {
  const Record record = Record::Empty(Dtype::kF32, 0);
  EXPECT_TRUE(record.empty());
  EXPECT_EQ(record.num_params(), 0U);
  EXPECT_TRUE(record.min().empty());
  EXPECT_TRUE(record.global_max().empty());
}

TEST(RecordTest, NanOnOneEndIsOnBothAndCanonical) {
  const Dtype dtype = Dtype::kF32;
  std::vector<std::byte> odd_nan = Packed(dtype, {kNan}).bytes;
  odd_nan[0] = std::byte{1};
  odd_nan[3] = std::byte{0xFF};
  const auto record =
      Record::Make(dtype, 1, odd_nan, Packed(dtype, {1}).bytes, odd_nan, Packed(dtype, {1}).bytes);
  ASSERT_OK(record);
  EXPECT_TRUE(record->saw_nan());
  for (const auto& end :
       {record->min(), record->max(), record->global_min(), record->global_max()}) {
    EXPECT_EQ(end, absl::MakeConstSpan(Packed(dtype, {kNan}).bytes));
  }
}

TEST(RecordTest, SaysWhetherItSawInfinity) {
  const auto below = Make({-kInf, 0}, {0, 1}, -kInf, 1);
  const auto above = Make({-1, 0}, {0, kInf}, -1, kInf);
  for (const auto& record : {below, above}) {
    ASSERT_OK(record);
    EXPECT_TRUE(record->saw_inf());
    EXPECT_FALSE(record->saw_nan());
  }
}

TEST(RecordTest, EqualityIsOfEverything) {
  const auto a = Make({-1}, {1}, -1, 1);
  EXPECT_EQ(*a, *Make({-1}, {1}, -1, 1));
  EXPECT_FALSE(*a == *Make({-1}, {2}, -1, 2));
  EXPECT_FALSE(*a == *Make({-1}, {1}, -1, 1, Dtype::kF32));
  EXPECT_FALSE(*Make({-0.0}, {1}, -0.0, 1) == *Make({0.0}, {1}, 0.0, 1));
  // NaN equals NaN here, so that a retried batch is a duplicate.
  EXPECT_EQ(*Make({kNan}, {kNan}, kNan, kNan), *Make({kNan}, {kNan}, kNan, kNan));
}

TEST(RecordTest, InvalidRecordsAreRefused) {
  EXPECT_THAT(Make({2}, {1}, 1, 2),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("min is above max")));
  EXPECT_THAT(Make({1}, {2}, 2, 1), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("global_min is above global_max")));
  EXPECT_THAT(Make({1}, {2}, 0, 2),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("global_min")));
  EXPECT_THAT(Make({1}, {2}, 1, 3),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("global_max")));
  EXPECT_THAT(Make({1, 2}, {3}, 1, 3),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bytes")));
  EXPECT_THAT(Make({}, {}, 1, 1), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bytes")));
  const std::vector<std::byte> one = Packed(Dtype::kF32, {1}).bytes;
  EXPECT_THAT(Record::Make(Dtype::kF32, -1, one, one, one, one),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("num_observations")));
  const std::vector<std::byte> three(3);
  EXPECT_THAT(Record::Make(Dtype::kF32, 1, three, three, one, one),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bytes")));
}

TEST(RecordTest, NanIsInTheGlobalRangeIfAndOnlyIfInAParameter) {
  EXPECT_OK(Make({kNan, 1}, {kNan, 2}, kNan, kNan));
  EXPECT_THAT(Make({kNan, 1}, {kNan, 2}, 1, 2),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NaN")));
  EXPECT_THAT(Make({1}, {2}, kNan, kNan),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NaN")));
}

TEST(RecordTest, NanHidesAnInfinityOfItsParameterAlone) {
  EXPECT_FALSE(Make({kNan}, {kInf}, kNan, kNan)->saw_inf());
  EXPECT_TRUE(Make({kNan, -kInf}, {kNan, 1}, kNan, kNan)->saw_inf());
}

TEST(RecordTest, EndsAreOrderedLikeElements) {
  EXPECT_OK(Make({-0.0}, {0.0}, -0.0, 0.0));
  EXPECT_THAT(Make({0.0}, {-0.0}, 0.0, 0.0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("min is above max")));
  // The values differ by one, but are equal in float64.
  std::vector<std::byte> low = Packed(Dtype::kI64, {0x1p60}).bytes;
  std::vector<std::byte> high = low;
  high[0] = std::byte{1};
  EXPECT_OK(Record::Make(Dtype::kI64, 1, low, high, low, high));
  EXPECT_THAT(Record::Make(Dtype::kI64, 1, high, low, low, low),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("min is above max")));
  EXPECT_THAT(Record::Make(Dtype::kI64, 1, low, low, low, high),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("global_max")));
}

TEST(RecordTest, PaddingMayWidenParametersBeyondTheGlobalRange) {
  EXPECT_OK(Make({0, 2}, {3, 4}, 2, 4));
}

}  // namespace
}  // namespace calipers
