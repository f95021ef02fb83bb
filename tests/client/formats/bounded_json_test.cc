#include "client/formats/bounded_json.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace calipers::client {
namespace {

using nlohmann::json;

std::string Lists(int depth) {
  return absl::StrCat(std::string(static_cast<std::size_t>(depth), '['),
                      std::string(static_cast<std::size_t>(depth), ']'));
}

TEST(ShallowJsonTest, ParsesJsonAndRefusesOtherText) {
  EXPECT_EQ(ParseBoundedJson(R"({"a":[1,{"b":"c"}]})", 3), (json{{"a", {1, {{"b", "c"}}}}}));
  EXPECT_EQ(ParseBoundedJson("3", 1), json(3));
  for (const char* text : {"", "{", "[1,]", "{\"a\":1}}", "\"", "\"\\", "nul", "\"\xFF\""}) {
    EXPECT_TRUE(ParseBoundedJson(text, 8).is_discarded()) << text;
  }
}

TEST(ShallowJsonTest, RefusesJsonDeeperThanTheLimit) {
  for (const int depth : {1, 2, 8}) {
    EXPECT_FALSE(ParseBoundedJson(Lists(depth), depth).is_discarded()) << depth;
    EXPECT_TRUE(ParseBoundedJson(Lists(depth + 1), depth).is_discarded()) << depth;
    const std::string wide = absl::StrCat("[", Lists(depth), ",", Lists(depth), "]");
    EXPECT_FALSE(ParseBoundedJson(wide, depth + 1).is_discarded()) << depth;
    EXPECT_TRUE(ParseBoundedJson(wide, depth).is_discarded()) << depth;
  }
  EXPECT_FALSE(ParseBoundedJson(R"({"a":{"a":[]}})", 3).is_discarded());
  EXPECT_TRUE(ParseBoundedJson(R"({"a":{"a":[]}})", 2).is_discarded());
  EXPECT_TRUE(ParseBoundedJson(std::string(1'000'000, '['), 8).is_discarded());
  EXPECT_TRUE(ParseBoundedJson(std::string(1'000'000, ']'), 8).is_discarded());
}

TEST(ShallowJsonTest, RefusesAnObjectWithAKeyTwice) {
  for (const char* text :
       {R"({"a":1,"a":1})", R"([{"b":{"a":1,"c":{},"a":2}}])", R"({"a":1,"\u0061":2})"}) {
    EXPECT_TRUE(ParseBoundedJson(text, 8).is_discarded()) << text;
  }
  EXPECT_EQ(ParseBoundedJson(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})", 8)["b"].size(), 2U);
}

TEST(ShallowJsonTest, BracketsInStringsDoNotCount) {
  EXPECT_EQ(ParseBoundedJson(R"(["[[[[{{{{", "\"[[[", "\\"])", 1),
            (json{"[[[[{{{{", "\"[[[", "\\"}));
  // The backslash before the quote is itself escaped, so the string ends, and the brackets behind
  // it count.
  EXPECT_TRUE(ParseBoundedJson(R"(["\\", [[]]])", 2).is_discarded());
}

// The cost of a member must not grow with the number of members: a header has a hundred thousand.
TEST(ShallowJsonTest, ManyMembers) {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) absl::StrAppend(&text, "\"", i, "\":{\"a\":[1]},");
  text.back() = '}';
  EXPECT_EQ(ParseBoundedJson(text, 3).size(), 300'000U);
}

}  // namespace
}  // namespace calipers::client
