#include "core/args/base_name.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace calipers {
namespace {

TEST(BaseNameTest, TextEqualsTheReferenceNames) {
  EXPECT_EQ(BaseNameText(BaseName::kWeight), "weight");
  EXPECT_EQ(BaseNameText(BaseName::kInput), "input");
  EXPECT_EQ(BaseNameText(BaseName::kOutput), "output");
  EXPECT_EQ(BaseNameText(BaseName::kQ), "q");
  EXPECT_EQ(BaseNameText(BaseName::kK), "k");
  EXPECT_EQ(BaseNameText(BaseName::kV), "v");
}

TEST(BaseNameTest, ParsesItsOwnText) {
  for (const BaseName base_name : kAllBaseNames) {
    const auto parsed = ParseBaseName(BaseNameText(base_name));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, base_name);
  }
}

TEST(BaseNameTest, RefusesEverythingElse) {
  for (const absl::string_view text : {"", "Weight", "weights", "q_proj", " k"}) {
    const auto parsed = ParseBaseName(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(ParseBaseName("bias").status().message(),
            "base name \"bias\" is not known (allowed: weight, input, output, q, k, v)");
}

TEST(BaseNameTest, EveryNameIsOfOneFamily) {
  for (const BaseName b : kAllBaseNames) {
    EXPECT_EQ(IsWeight(b) + IsActivation(b) + IsAttention(b), 1) << BaseNameText(b);
  }
  EXPECT_TRUE(IsActivation(BaseName::kOutput));
  EXPECT_TRUE(IsAttention(BaseName::kV));
}

}  // namespace
}  // namespace calipers
