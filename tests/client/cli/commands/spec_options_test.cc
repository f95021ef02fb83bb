#include "client/cli/commands/spec_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

SpecOptions Parse(std::vector<std::string> arguments) {
  SpecOptions options;
  CLI::App app;
  options.AddTo(app);
  // CLI11 takes the arguments from the back of the vector.
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  return options;
}

absl::Status Check(const std::vector<std::string>& arguments) {
  return Parse(arguments).Check(kAllBaseNames);
}

TEST(SpecOptionsTest, FlagsThatSomeStrategyTakesAreFine) {
  EXPECT_OK(Check({}));
  EXPECT_OK(Check({"--group-size", "8"}));
  EXPECT_OK(Check({"--strategy", "tensor_group", "--group-size", "8"}));
  EXPECT_OK(Check({"--weight-strategy", "group", "--group-size", "8"}));
  EXPECT_OK(Check({"--strategy", "channel", "--group-size", "-1"}));
  EXPECT_OK(
      Check({"--strategy", "token", "--weight-strategy", "block", "--block-structure", "4x8"}));
}

TEST(SpecOptionsTest, FlagsThatEveryStrategyIgnoresAreRefusedWithBothNames) {
  EXPECT_THAT(Check({"--strategy", "tensor", "--group-size", "128"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--group-size"), HasSubstr("with strategy tensor"))));
  EXPECT_THAT(Check({"--strategy", "channel", "--block-structure", "4x4"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--block-structure"), HasSubstr("with strategy channel"))));
  EXPECT_THAT(Check({"--group-size", "4", "--block-structure", "4x4"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--block-structure"), HasSubstr("with strategy group"))));
  EXPECT_THAT(
      Check({"--weight-strategy", "channel", "--group-size", "4"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("with strategy channel, tensor")));
}

TEST(SpecOptionsTest, OneSessionHasOneStrategy) {
  const SpecOptions options = Parse({"--weight-strategy", "group", "--group-size", "8"});
  EXPECT_OK(options.Check({BaseName::kWeight}));
  EXPECT_THAT(options.Check({BaseName::kInput}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("with strategy tensor")));
}

TEST(SpecOptionsTest, BlockStructuresHaveTwoSides) {
  for (const char* bad : {"garbage", "4", "4x", "x4", "4x4x4"}) {
    EXPECT_THAT(Check({"--strategy", "block", "--block-structure", bad}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad)));
  }
  const v1::Session session =
      Parse({"--strategy", "block", "--block-structure", "128x64"}).ToSession(BaseName::kWeight);
  EXPECT_THAT(session.args().block_structure(), ::testing::ElementsAre(128, 64));
}

TEST(SpecOptionsTest, EachFamilyGetsWhatItsStrategyTakes) {
  const SpecOptions options = Parse({"--weight-strategy", "group", "--group-size", "8"});
  EXPECT_EQ(options.ToSession(BaseName::kWeight).args().group_size(), 8);
  EXPECT_FALSE(options.ToSession(BaseName::kInput).args().has_group_size());
  const v1::Session inferred = Parse({"--group-size", "8"}).ToSession(BaseName::kInput);
  EXPECT_EQ(inferred.args().strategy(), v1::STRATEGY_UNSPECIFIED);
  EXPECT_EQ(inferred.args().group_size(), 8);
}

}  // namespace
}  // namespace calipers::client
