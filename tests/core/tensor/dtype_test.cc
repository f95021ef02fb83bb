#include "core/tensor/dtype.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

TEST(DtypeTest, NamesAreDistinctAndReadBack) {
  std::set<std::string> names;
  for (Dtype dtype : kAllDtypes) {
    names.insert(std::string(DtypeName(dtype)));
    const auto parsed = ParseDtype(DtypeName(dtype));
    ASSERT_OK(parsed);
    EXPECT_EQ(*parsed, dtype);
  }
  EXPECT_EQ(names.size(), kAllDtypes.size());
}

TEST(DtypeTest, SpellingIsThatOfSafetensors) {
  EXPECT_EQ(DtypeName(Dtype::kBF16), "BF16");
  EXPECT_EQ(DtypeName(Dtype::kF8E4M3), "F8_E4M3");
  EXPECT_EQ(DtypeName(Dtype::kI64), "I64");
}

TEST(DtypeTest, UnknownNamesAreRefusedWithThoseAllowed) {
  for (const char* name : {"", "bf16", "torch.float32", "BOOL", "F32 "}) {
    EXPECT_THAT(
        ParseDtype(name),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 HasSubstr("F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I8, U8, I16, I32, I64")));
  }
}

TEST(DtypeTest, Sizes) {
  EXPECT_EQ(ByteSize(Dtype::kF64), 8U);
  EXPECT_EQ(ByteSize(Dtype::kI64), 8U);
  EXPECT_EQ(ByteSize(Dtype::kF32), 4U);
  EXPECT_EQ(ByteSize(Dtype::kI32), 4U);
  EXPECT_EQ(ByteSize(Dtype::kF16), 2U);
  EXPECT_EQ(ByteSize(Dtype::kBF16), 2U);
  EXPECT_EQ(ByteSize(Dtype::kI16), 2U);
  for (Dtype dtype : {Dtype::kF8E4M3, Dtype::kF8E5M2, Dtype::kI8, Dtype::kU8}) {
    EXPECT_EQ(ByteSize(dtype), 1U);
  }
  EXPECT_TRUE(IsFloat(Dtype::kF8E5M2));
  EXPECT_FALSE(IsFloat(Dtype::kI8));
  EXPECT_TRUE(IsFloat8(Dtype::kF8E4M3));
  EXPECT_FALSE(IsFloat8(Dtype::kBF16));
}

}  // namespace
}  // namespace calipers
