#include "server/model/session_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

SessionSpec Block(std::vector<std::int64_t> structure) {
  SessionSpec spec;
  spec.args.strategy = Strategy::kBlock;
  spec.args.block_structure = std::move(structure);
  return spec;
}

TEST(SessionSpecTest, EqualSpecsDifferInNothing) {
  EXPECT_EQ(DescribeDifference({}, {}), "");
  EXPECT_EQ(DescribeDifference(Block({2, 3}), Block({2, 3})), "");
}

// If DescribeDifference ignored a member, the caller would get an error without a reason.
TEST(SessionSpecTest, EveryMemberIsNamedWithBothValues) {
  const std::vector<std::int64_t> block = {128, 64};
  const std::pair<std::function<void(SessionSpec&)>, std::string> cases[] = {
      {[](SessionSpec& s) { s.args.strategy = Strategy::kToken; },
       "strategy is tensor, given token"},
      {[](SessionSpec& s) { s.args.group_size = 64; }, "group_size is absent, given 64"},
      {[&](SessionSpec& s) { s.args.block_structure = block; },
       "block_structure is [], given [128, 64]"},
      {[](SessionSpec& s) { s.args.observer = "static_minmax"; },
       "observer is minmax, given static_minmax"},
      {[](SessionSpec& s) { s.args.averaging_constant = 0.5; },
       "averaging_constant is 0.01, given 0.5"},
      {[](SessionSpec& s) { s.arithmetic = Arithmetic::kReference; },
       "arithmetic is exact, given reference"},
      {[](SessionSpec& s) { s.non_finite_policy = NonFinitePolicy::kReject; },
       "non_finite_policy is propagate, given reject"},
      {[](SessionSpec& s) { s.non_finite_policy = NonFinitePolicy::kSkip; },
       "non_finite_policy is propagate, given skip"},
      {[](SessionSpec& s) { s.weighting = Weighting::kNumObservations; },
       "weighting is uniform, given num_observations"},
      {[](SessionSpec& s) { s.dtype = Dtype::kBF16; }, "dtype is any, given BF16"},
  };
  SessionSpec all;
  for (const auto& [change, expected] : cases) {
    SessionSpec given;
    change(given);
    change(all);
    EXPECT_NE(given, SessionSpec()) << expected;
    EXPECT_EQ(DescribeDifference({}, given), expected);
  }
  EXPECT_THAT(DescribeDifference(all, {}),
              AllOf(HasSubstr("strategy is token, given tensor; group_size is 64, given absent; "),
                    HasSubstr("; dtype is BF16, given any")));
}

TEST(SessionSpecTest, ConstantsThatDifferNeverLookTheSame) {
  SessionSpec given;
  given.args.averaging_constant = std::nextafter(0.01, 1.0);
  EXPECT_EQ(DescribeDifference({}, given),
            "averaging_constant is 0.01, given 0.010000000000000002");
}

TEST(SessionSpecTest, StrategyThatTheBaseNameCannotHaveIsRefused) {
  EXPECT_OK(CheckSpec(BaseName::kWeight, Block({2, 2})));
  EXPECT_THAT(CheckSpec(BaseName::kInput, Block({2, 2})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("block")));
  EXPECT_THAT(CheckSpec(BaseName::kQ, Block({2, 2})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("block")));
}

TEST(SessionSpecTest, Float8IsNotFoldedInReferenceArithmetic) {
  for (const Dtype dtype : kAllDtypes) {
    SessionSpec spec;
    spec.dtype = dtype;
    EXPECT_OK(CheckSpec(BaseName::kInput, spec));
    spec.arithmetic = Arithmetic::kReference;
    EXPECT_EQ(CheckSpec(BaseName::kInput, spec).ok(),
              dtype != Dtype::kF8E4M3 && dtype != Dtype::kF8E5M2)
        << DtypeName(dtype);
    EXPECT_EQ(CheckFoldable(dtype, Arithmetic::kReference), CheckSpec(BaseName::kInput, spec));
  }
}

}  // namespace
}  // namespace calipers::server
