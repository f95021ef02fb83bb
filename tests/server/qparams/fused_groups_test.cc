#include "server/qparams/fused_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SessionName Name(const std::string& id) { return *SessionName::Parse("runs/r/sessions/" + id); }

// The only group of the session; empty if it has none.
std::vector<std::string> GroupOf(const FusedGroups& fusion, const std::string& id) {
  const auto groups = fusion.GroupsOf(Name(id));
  EXPECT_LE(groups.size(), 1U);
  return groups.empty() ? std::vector<std::string>() : groups[0];
}

TEST(FusionTest, FindsTheKnownGroupsByTheLastPartOfTheModule) {
  const FusedGroups fusion = *FusedGroups::Make(FusedGroups::Mode::kKnown, {});
  EXPECT_THAT(GroupOf(fusion, "model.layers.3.self_attn.k_proj/weight"),
              ElementsAre("runs/r/sessions/model.layers.3.self_attn.q_proj/weight",
                          "runs/r/sessions/model.layers.3.self_attn.k_proj/weight",
                          "runs/r/sessions/model.layers.3.self_attn.v_proj/weight"));
  EXPECT_THAT(
      GroupOf(fusion, "mlp.up_proj/weight"),
      ElementsAre("runs/r/sessions/mlp.gate_proj/weight", "runs/r/sessions/mlp.up_proj/weight"));
  EXPECT_THAT(GroupOf(fusion, "w3/weight"),
              ElementsAre("runs/r/sessions/w1/weight", "runs/r/sessions/w3/weight"));
  EXPECT_THAT(GroupOf(fusion, "a.kv_a_proj_with_mqa/weight"),
              ElementsAre("runs/r/sessions/a.q_a_proj/weight",
                          "runs/r/sessions/a.kv_a_proj_with_mqa/weight"));
  EXPECT_THAT(GroupOf(fusion, "mlp.down_proj/weight"), IsEmpty());
  // Part of a name does not match, and only weights are fused.
  EXPECT_THAT(GroupOf(fusion, "mlp.my_up_proj/weight"), IsEmpty());
  EXPECT_THAT(GroupOf(fusion, "up_proj.inner/weight"), IsEmpty());
  EXPECT_THAT(GroupOf(fusion, "mlp.up_proj/input"), IsEmpty());
}

TEST(FusionTest, DeclaredGroupReplacesKnownGroupsWithACommonName) {
  const FusedGroups fusion =
      *FusedGroups::Make(FusedGroups::Mode::kKnown, {{{"query", "key"}}, {{"q_proj", "k_proj"}}});
  EXPECT_THAT(GroupOf(fusion, "a.key/weight"),
              ElementsAre("runs/r/sessions/a.query/weight", "runs/r/sessions/a.key/weight"));
  EXPECT_THAT(GroupOf(fusion, "a.q_proj/weight"),
              ElementsAre("runs/r/sessions/a.q_proj/weight", "runs/r/sessions/a.k_proj/weight"));
  EXPECT_THAT(GroupOf(fusion, "a.v_proj/weight"), IsEmpty());
  EXPECT_EQ(GroupOf(fusion, "a.w1/weight").size(), 2U);
}

TEST(FusionTest, ModeSelectsTheGroups) {
  const FusedGroups declared =
      *FusedGroups::Make(FusedGroups::Mode::kDeclared, {{{"query", "key"}}});
  EXPECT_EQ(GroupOf(declared, "a.query/weight").size(), 2U);
  EXPECT_THAT(GroupOf(declared, "a.w1/weight"), IsEmpty());
  const FusedGroups none = *FusedGroups::Make(FusedGroups::Mode::kNone, {{{"query", "key"}}});
  EXPECT_THAT(GroupOf(none, "a.query/weight"), IsEmpty());
}

TEST(FusionTest, GroupHoldsOnlyModulesOfItsPath) {
  const FusedGroups fusion = *FusedGroups::Make(
      FusedGroups::Mode::kKnown,
      {{{"q_proj", "k_proj"}, "*.layers.1.*"}, {{"a", "b"}, "top"}, {{"c", "d"}, ""}});
  EXPECT_EQ(GroupOf(fusion, "m.layers.1.attn.q_proj/weight").size(), 2U);
  EXPECT_THAT(GroupOf(fusion, "m.layers.1.attn.v_proj/weight"), IsEmpty());
  EXPECT_EQ(GroupOf(fusion, "m.layers.11.attn.q_proj/weight").size(), 3U);
  EXPECT_EQ(GroupOf(fusion, "top.a/weight").size(), 2U);
  EXPECT_EQ(GroupOf(fusion, "top/a/weight").size(), 2U);
  EXPECT_THAT(GroupOf(fusion, "other.a/weight"), IsEmpty());
  EXPECT_THAT(GroupOf(fusion, "a/weight"), IsEmpty());
  EXPECT_EQ(GroupOf(fusion, "c/weight").size(), 2U);
}

TEST(FusionTest, NameMayBeInSeveralGroups) {
  const FusedGroups fusion = *FusedGroups::Make(FusedGroups::Mode::kKnown,
                                                {{{"q", "k", "v"}}, {{"q", "kv"}}, {{"x", "y"}}});
  EXPECT_THAT(
      fusion.GroupsOf(Name("m.q/weight")),
      ElementsAre(ElementsAre("runs/r/sessions/m.q/weight", "runs/r/sessions/m.k/weight",
                              "runs/r/sessions/m.v/weight"),
                  ElementsAre("runs/r/sessions/m.q/weight", "runs/r/sessions/m.kv/weight")));
  EXPECT_EQ(GroupOf(fusion, "m.kv/weight").size(), 2U);
}

TEST(FusionTest, RefusesInvalidGroups) {
  const auto refused = [](const std::vector<FusedGroups::Group>& groups, const char* why) {
    EXPECT_THAT(FusedGroups::Make(FusedGroups::Mode::kKnown, groups).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({{{"one"}}}, "1 names");
  refused({{std::vector<std::string>(17, "x")}}, "17 names");
  refused({{{"a", ""}}}, "\"\"");
  refused({{{"a", "b.c"}}}, "b.c");
  refused({{{"a", " b"}}}, "\" b\"");
  refused({{{"a", "a"}}}, "\"a\"");
  refused(std::vector<FusedGroups::Group>(65, {{"a", "b"}}), "65 groups");
  refused({{{"a", "b"}, std::string(513, '*')}}, "path_glob has 513 characters");
}

}  // namespace
}  // namespace calipers::server
