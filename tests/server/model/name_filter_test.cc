#include "server/model/name_filter.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

bool Matches(const std::string& parent, const std::string& glob, const std::string& name) {
  const auto filter = NameFilter::Make(parent, glob);
  EXPECT_OK(filter);
  return filter->Matches(*SessionName::Parse(name));
}

TEST(NameFilterTest, MatchesOnlySessionsOfItsRun) {
  EXPECT_TRUE(Matches("runs/a", "", "runs/a/sessions/m/input"));
  EXPECT_FALSE(Matches("runs/a", "", "runs/ab/sessions/m/input"));
  EXPECT_TRUE(Matches("runs/-", "", "runs/ab/sessions/m/input"));
}

TEST(NameFilterTest, MatchesTheModuleOrWithASlashTheWholeId) {
  const std::string name = "runs/a/sessions/model.layers.1.up_proj/input";
  EXPECT_TRUE(Matches("runs/a", "*.up_proj", name));
  EXPECT_TRUE(Matches("runs/a", "model.layers.?.up_proj", name));
  EXPECT_FALSE(Matches("runs/a", "model.layers.?", name));
  EXPECT_FALSE(Matches("runs/a", "*input", name));
  EXPECT_TRUE(Matches("runs/a", "*/input", name));
  EXPECT_FALSE(Matches("runs/a", "*/weight", name));
}

TEST(NameFilterTest, EveryOtherCharacterStandsForItself) {
  const std::string name = "runs/a/sessions/m.n/input";
  EXPECT_TRUE(Matches("runs/a", "m.n", name));
  EXPECT_FALSE(Matches("runs/a", "m[.]n", name));
  EXPECT_FALSE(Matches("runs/a", "(m.n)", name));
  EXPECT_FALSE(Matches("runs/a", "m.n$", name));
  EXPECT_FALSE(Matches("runs/a", "m\\.n", name));
  EXPECT_FALSE(Matches("runs/a", "m.+", "runs/a/sessions/mxx/input"));
}

TEST(NameFilterTest, ManyStarsCostNoTime) {
  std::string glob;
  for (int i = 0; i < 200; ++i) glob += "*a";
  EXPECT_FALSE(
      Matches("runs/a", glob + "b", "runs/a/sessions/" + std::string(500, 'a') + "/input"));
}

TEST(NameFilterTest, InvalidFiltersAreRefused) {
  EXPECT_FALSE(NameFilter::Make("a", "").ok());
  EXPECT_FALSE(NameFilter::Make("", "").ok());
  EXPECT_FALSE(NameFilter::Make("runs/a", std::string(513, '*')).ok());
}

}  // namespace
}  // namespace calipers::server
