#include "core/fold/folded_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

Elements Of(Dtype dtype, const std::vector<double>& values) {
  Elements elements{dtype, std::vector<std::byte>(values.size() * ByteSize(dtype))};
  for (std::size_t i = 0; i < values.size(); ++i) {
    StoreElement(dtype, values[i], elements.bytes.data() + i * ByteSize(dtype));
  }
  return elements;
}

TEST(WidenTest, TakesTheOuterOfTheEndsOfEachParameter) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF64}) {
    ElementRange range{Of(dtype, {-1, 2, 5, nan}), Of(dtype, {1, 3, 6, nan})};
    EXPECT_OK(Widen(range, {Of(dtype, {-2, 2.5, nan, 0}), Of(dtype, {0.5, 4, nan, 0})}));
    for (std::size_t i = 0; i < 4; ++i) {
      SCOPED_TRACE(i);
      if (i >= 2) {
        EXPECT_NE(range.min[i], range.min[i]);
        EXPECT_NE(range.max[i], range.max[i]);
      }
    }
    EXPECT_EQ(range.min[0], -2);
    EXPECT_EQ(range.max[0], 1);
    EXPECT_EQ(range.min[1], 2);
    EXPECT_EQ(range.max[1], 4);
  }
}

TEST(WidenTest, RefusesRangesOfAnotherKind) {
  ElementRange range{Of(Dtype::kF32, {-1, 2}), Of(Dtype::kF32, {1, 3})};
  const ElementRange before = range;
  EXPECT_THAT(Widen(range, {Of(Dtype::kF32, {-1}), Of(Dtype::kF32, {1})}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("of 2 parameters")));
  EXPECT_THAT(Widen(range, {Of(Dtype::kBF16, {-1, 2}), Of(Dtype::kBF16, {1, 3})}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BF16")));
  EXPECT_EQ(range.min.bytes, before.min.bytes);
  EXPECT_EQ(range.max.bytes, before.max.bytes);
}

}  // namespace
}  // namespace calipers
