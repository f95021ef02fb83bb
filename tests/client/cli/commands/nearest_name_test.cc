#include "client/cli/commands/nearest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace calipers::client {
namespace {

TEST(NearestNameTest, IsTheNameWithTheFewestChanges) {
  const std::vector<std::string> names = {"list", "seal", "minmax", "merge"};
  EXPECT_EQ(NearestName("lst", names), "list");
  EXPECT_EQ(NearestName("lits", names), "list");
  EXPECT_EQ(NearestName("seals", names), "seal");
  EXPECT_EQ(NearestName("maxmin", names), "");
  EXPECT_EQ(NearestName("min-max", names), "minmax");
  EXPECT_EQ(NearestName("list", names), "list");
}

TEST(NearestNameTest, AShortTextStandsForNothing) {
  EXPECT_EQ(NearestName("", {"a"}), "");
  EXPECT_EQ(NearestName("x", {"a", "ab"}), "");
  EXPECT_EQ(NearestName("ls", {"list", "seal"}), "");
}

}  // namespace
}  // namespace calipers::client
