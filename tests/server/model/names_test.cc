#include "server/model/names.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

TEST(SessionNameTest, ParsesIntoItsParts) {
  const auto name = SessionName::Parse("runs/r-1/sessions/model.layers.0.mlp/experts/7/input");
  ASSERT_OK(name);
  EXPECT_EQ(name->run(), "runs/r-1");
  EXPECT_EQ(name->module(), "model.layers.0.mlp/experts/7");
  EXPECT_EQ(name->base_name(), BaseName::kInput);
  EXPECT_EQ(name->session_id(), "model.layers.0.mlp/experts/7/input");
  const auto run = RunName::Parse("runs/r-1");
  ASSERT_OK(run);
  EXPECT_EQ(SessionName::Make(*run, name->session_id())->full(), name->full());
}

TEST(SessionNameTest, InvalidNamesAreRefused) {
  const std::string long_module(513, 'm');
  for (const std::string& name :
       {std::string(), std::string("runs/r"), std::string("runs/r/sessions/"),
        std::string("runs/r/sessions/input"), std::string("runs/r/sessions//input"),
        std::string("runs/r/sessions/m/gate"), std::string("runs//sessions/m/input"),
        std::string("runs/-/sessions/m/input"), std::string("runs/a b/sessions/m/input"),
        std::string("runs/r/sessions/m m/input"), std::string("runs/r/sessions/m\n/input"),
        std::string("m/input"), "runs/r/sessions/" + long_module + "/input"}) {
    EXPECT_EQ(SessionName::Parse(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_THAT(SessionName::Parse("m/input"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("runs/{run}/sessions/{module}/{base_name}")));
  EXPECT_THAT(SessionName::Parse("runs/r/sessions/m/gate"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("weight")));
}

TEST(RunNameTest, InvalidOrTooLongNamesAreRefused) {
  EXPECT_OK(RunName::Parse("runs/" + std::string(128, 'r')));
  EXPECT_FALSE(RunName::Parse("runs/" + std::string(129, 'r')).ok());
  for (const char* name : {"", "runs/", "runs/-", "runs/a/b", "run/a", "runs/\x01"}) {
    EXPECT_FALSE(RunName::Parse(name).ok()) << name;
  }
  // The error message contains only printable characters.
  EXPECT_THAT(RunName::Parse("runs/\x01"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"runs/?\"")));
}

}  // namespace
}  // namespace calipers::server
