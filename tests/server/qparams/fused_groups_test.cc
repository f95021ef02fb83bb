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

std::vector<std::string> GroupOf(const FusedGroups& fusion, const std::string& id) {
  return fusion.GroupOf(Name(id));
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
      *FusedGroups::Make(FusedGroups::Mode::kKnown, {{"query", "key"}, {"q_proj", "k_proj"}});
  EXPECT_THAT(GroupOf(fusion, "a.key/weight"),
              ElementsAre("runs/r/sessions/a.query/weight", "runs/r/sessions/a.key/weight"));
  EXPECT_THAT(GroupOf(fusion, "a.q_proj/weight"),
              ElementsAre("runs/r/sessions/a.q_proj/weight", "runs/r/sessions/a.k_proj/weight"));
  EXPECT_THAT(GroupOf(fusion, "a.v_proj/weight"), IsEmpty());
  EXPECT_EQ(GroupOf(fusion, "a.w1/weight").size(), 2U);
}

TEST(FusionTest, ModeSelectsTheGroups) {
  const FusedGroups declared = *FusedGroups::Make(FusedGroups::Mode::kDeclared, {{"query", "key"}});
  EXPECT_EQ(GroupOf(declared, "a.query/weight").size(), 2U);
  EXPECT_THAT(GroupOf(declared, "a.w1/weight"), IsEmpty());
  const FusedGroups none = *FusedGroups::Make(FusedGroups::Mode::kNone, {{"query", "key"}});
  EXPECT_THAT(GroupOf(none, "a.query/weight"), IsEmpty());
}

TEST(FusionTest, RefusesInvalidGroups) {
  const auto refused = [](const std::vector<FusedGroups::Group>& groups, const char* why) {
    EXPECT_THAT(FusedGroups::Make(FusedGroups::Mode::kKnown, groups).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({{"one"}}, "1 names");
  refused({std::vector<std::string>(17, "x")}, "17 names");
  refused({{"a", ""}}, "\"\"");
  refused({{"a", "b.c"}}, "b.c");
  refused({{"a", "b"}, {"b", "c"}}, "\"b\" in two groups");
  refused({{"a", "a"}}, "\"a\"");
  refused(std::vector<FusedGroups::Group>(65, {"a", "b"}), "65 groups");
}

}  // namespace
}  // namespace calipers::server
