#include "core/fold/folded_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/elements.h"
#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using calipers::testing::kNan;
using calipers::testing::Packed;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

TEST(WidenTest, TakesTheWiderEndsOfEachParameter) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF64}) {
    ElementRange range{Packed(dtype, {-1, 2, 5, kNan}), Packed(dtype, {1, 3, 6, kNan})};
    EXPECT_OK(Widen(range, {Packed(dtype, {-2, 2.5, kNan, 0}), Packed(dtype, {0.5, 4, kNan, 0})}));
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
  ElementRange range{Packed(Dtype::kF32, {-1, 2}), Packed(Dtype::kF32, {1, 3})};
  const ElementRange before = range;
  EXPECT_THAT(Widen(range, {Packed(Dtype::kF32, {-1}), Packed(Dtype::kF32, {1})}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("of 2 parameters")));
  EXPECT_THAT(Widen(range, {Packed(Dtype::kBF16, {-1, 2}), Packed(Dtype::kBF16, {1, 3})}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BF16")));
  EXPECT_EQ(range.min.bytes, before.min.bytes);
  EXPECT_EQ(range.max.bytes, before.max.bytes);
}

}  // namespace
}  // namespace calipers
