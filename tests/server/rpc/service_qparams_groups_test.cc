// Global scales of fused groups, and the ranges of peers, over a connection.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "core/qparams/qparams.h"
#include "core/tensor/element.h"
#include "tests/server/rpc/service_qparams_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::Floats;
using calipers::testing::OnlyNumber;
using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Stub = v1::Calibration::Stub;

using ServiceQParamsGroupsTest = ServiceQParamsTest;

TEST_F(ServiceQParamsGroupsTest, WeightsOfAGroupShareAGlobalScale) {
  ObserveGroupsOf("a.q_proj/weight", 1, -0.5);
  ObserveGroupsOf("a.k_proj/weight", 4, 0);
  ObserveGroupsOf("a.v_proj/weight", 0, -2);
  const auto range_of = [](double low, double high) {
    ElementRange range;
    range.min = range.max = Elements{Dtype::kF32, std::vector<std::byte>(4)};
    StoreElement(Dtype::kF32, low, range.min.bytes.data());
    StoreElement(Dtype::kF32, high, range.max.bytes.data());
    return range;
  };
  const std::vector<ElementRange> ranges = {range_of(-0.5, 1), range_of(0, 4), range_of(-2, 0)};
  const float shared = GenerateGparam(*FuseRanges(ranges), {})->value;
  EXPECT_EQ(shared, 448.0F * 6 / 4);
  for (const char* const id : {"a.q_proj/weight", "a.k_proj/weight", "a.v_proj/weight"}) {
    const v1::QParams qparams = One(ByScheme(id, "NVFP4"));
    EXPECT_EQ(OnlyNumber(qparams.global_scale()), shared);
    EXPECT_THAT(
        qparams.fused_sessions(),
        ElementsAre(Full("a.q_proj/weight"), Full("a.k_proj/weight"), Full("a.v_proj/weight")));
  }
  // 1 / 6 * 672, and half of it; E4M3 holds both.
  EXPECT_EQ(One(ByScheme("a.q_proj/weight", "NVFP4")).scale().data(), Floats({112, 56}));

  v1::GetQParamsRequest alone = ByScheme("a.q_proj/weight", "NVFP4");
  alone.mutable_fusion()->set_mode(v1::Fusion::MODE_NONE);
  EXPECT_EQ(OnlyNumber(One(alone).global_scale()), 448.0F * 6);
  EXPECT_THAT(One(alone).fused_sessions(), IsEmpty());
  alone.mutable_fusion()->set_mode(v1::Fusion::MODE_DECLARED);
  EXPECT_EQ(OnlyNumber(One(alone).global_scale()), 448.0F * 6);
  v1::Fusion::Group& pair = *alone.mutable_fusion()->add_groups();
  pair.add_names("q_proj");
  pair.add_names("v_proj");
  EXPECT_EQ(OnlyNumber(One(alone).global_scale()), 448.0F * 6 / 2);
  // A strategy without a global scale shares nothing.
  EXPECT_THAT(One(ByScheme("a.q_proj/weight", "W8A8")).fused_sessions(), IsEmpty());
}

// Keys that are reused as values: the layer has no v_proj.
TEST_F(ServiceQParamsGroupsTest, MemberWhoseModuleDoesNotExistIsLeftOut) {
  ObserveGroupsOf("layers.0.q_proj/weight", 1, 1);
  ObserveGroupsOf("layers.0.k_proj/weight", 2, 2);
  ObserveGroupsOf("layers.0.v_proj/weight", 3, 3);
  ObserveGroupsOf("layers.1.q_proj/weight", 4, 4);
  ObserveGroupsOf("layers.1.k_proj/weight", 5, 5);
  for (const char* const id : {"layers.0.q_proj/weight", "layers.0.v_proj/weight"}) {
    const v1::QParams whole = One(ByScheme(id, "NVFP4"));
    EXPECT_EQ(OnlyNumber(whole.global_scale()), 896);
    EXPECT_EQ(whole.fused_sessions_size(), 3);
    EXPECT_THAT(whole.absent_sessions(), IsEmpty());
  }
  for (const char* const id : {"layers.1.q_proj/weight", "layers.1.k_proj/weight"}) {
    const v1::QParams without = One(ByScheme(id, "NVFP4"));
    EXPECT_EQ(OnlyNumber(without.global_scale()), 537.6F);
    EXPECT_EQ(without.fused_sessions_size(), 2);
    EXPECT_THAT(without.absent_sessions(), ElementsAre(Full("layers.1.v_proj/weight")));
  }
}

TEST_F(ServiceQParamsGroupsTest, MemberWhoseModuleExistsIsMissed) {
  ObserveGroupsOf("a.q_proj/weight", 1, 2);
  ObserveGroupsOf("a.v_proj/weight", 1, 2);
  ASSERT_OK(Create("a.k_proj/input"));
  EXPECT_THAT(Error(ByScheme("a.q_proj/weight", "NVFP4")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("a.q_proj/weight"), HasSubstr("a.k_proj/weight"),
                             HasSubstr("does not exist"), HasSubstr("a.k_proj/input"))));
  CreateGroups("a.k_proj/weight");
  EXPECT_THAT(Error(ByScheme("a.q_proj/weight", "NVFP4")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("a member of its group"), HasSubstr("a.k_proj/weight"))));
  ObserveGroups("a.k_proj/weight", 1, 2);
  EXPECT_OK(AskOne(ByScheme("a.q_proj/weight", "NVFP4")));
}

TEST_F(ServiceQParamsGroupsTest, GroupsMayShareANameWhereNoLayerHoldsBoth) {
  for (const char* const id : {"0.q/weight", "0.k/weight", "1.q/weight", "1.kv/weight"}) {
    ObserveGroupsOf(id, 1, 2);
  }
  v1::GetQParamsRequest request = ByScheme("0.q/weight", "NVFP4");
  for (const char* const other : {"k", "kv"}) {
    v1::Fusion::Group& group = *request.mutable_fusion()->add_groups();
    group.add_names("q");
    group.add_names(other);
  }
  EXPECT_THAT(One(request).fused_sessions(), ElementsAre(Full("0.q/weight"), Full("0.k/weight")));
  request.set_name(Full("1.q/weight"));
  EXPECT_THAT(One(request).fused_sessions(), ElementsAre(Full("1.q/weight"), Full("1.kv/weight")));
  ObserveGroupsOf("1.k/weight", 1, 2);
  EXPECT_THAT(Error(request),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("1.q/weight + 1.k/weight"), HasSubstr("path_glob"))));
  request.mutable_fusion()->mutable_groups(0)->set_path_glob("0");
  EXPECT_THAT(One(request).fused_sessions(), ElementsAre(Full("1.q/weight"), Full("1.kv/weight")));
}

TEST_F(ServiceQParamsGroupsTest, MemberOfAGroupIsWaitedForToo) {
  CreateGroups("a.w1/weight");
  CreateGroups("a.w3/weight");
  v1::GetQParamsRequest request = ByScheme("a.w1/weight", "NVFP4");
  request.set_wait_count(1);
  v1::QParams qparams;
  std::thread asking([&] { qparams = One(request); });
  ObserveGroups("a.w1/weight", 1, 2);
  ObserveGroups("a.w3/weight", 8, 2);
  asking.join();
  EXPECT_EQ(OnlyNumber(qparams.global_scale()), 448.0F * 6 / 8);
}

TEST_F(ServiceQParamsGroupsTest, PeersReplaceASessionWithoutRecords) {
  ObserveInput("experts.0.up/input", {-1, 2});
  ObserveInput("experts.1.up/input", {-3, 1});
  ASSERT_OK(Create("experts.2.up/input"));
  ASSERT_OK(Create("experts.3.up/input"));
  v1::GetQParamsRequest request = ByJson("experts.2.up/input", R"({"symmetric": false})");
  EXPECT_THAT(Error(request), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       AllOf(HasSubstr("experts.2"), HasSubstr("no observation"))));
  request.mutable_fallback()->add_peers_behind("experts");
  const v1::QParams qparams = One(request);
  EXPECT_EQ(OnlyNumber(qparams.scale()), static_cast<float>(5.0 / 255));
  EXPECT_THAT(qparams.fallback_sessions(),
              ElementsAre(Full("experts.0.up/input"), Full("experts.1.up/input")));
  EXPECT_EQ(qparams.progress().count(), 0);
  // A session with records uses its own range.
  request.set_name(Full("experts.1.up/input"));
  EXPECT_EQ(OnlyNumber(One(request).scale()), static_cast<float>(4.0 / 255));
  EXPECT_THAT(One(request).fallback_sessions(), IsEmpty());
}

TEST_F(ServiceQParamsGroupsTest, PeersWithoutRecordsAreNotUsed) {
  ASSERT_OK(Create("experts.0.up/input"));
  ASSERT_OK(Create("experts.1.up/input"));
  v1::GetQParamsRequest request = ByScheme("experts.0.up/input", "FP8");
  request.mutable_fallback()->add_peers_behind("experts");
  EXPECT_THAT(Error(request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("experts.0")));
}

TEST_F(ServiceQParamsGroupsTest, PeersOfAnotherShapeAreNotUsed) {
  ObserveGroupsOf("experts.0.up/weight", 1, 2);
  CreateGroups("experts.1.up/weight");
  Observe(Full("experts.1.up/weight"), 0, std::vector<float>(16, 1.0F));
  CreateGroups("experts.2.up/weight");
  v1::GetQParamsRequest request =
      ByJson("experts.2.up/weight", R"({"strategy": "group", "group_size": 16})");
  request.mutable_fallback()->add_peers_behind("experts");
  EXPECT_THAT(Error(request), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       AllOf(HasSubstr("experts.2"), HasSubstr("has no data"))));
}

TEST_F(ServiceQParamsGroupsTest, PeersReplaceAGroupMemberWithoutRecords) {
  ObserveGroupsOf("experts.0.gate_proj/weight", 1, 1);
  ObserveGroupsOf("experts.0.up_proj/weight", 8, 1);
  ObserveGroupsOf("experts.1.gate_proj/weight", 2, 1);
  CreateGroups("experts.1.up_proj/weight");
  v1::GetQParamsRequest request = ByScheme("experts.1.gate_proj/weight", "NVFP4");
  request.mutable_fallback()->add_peers_behind("experts");
  const v1::QParams qparams = One(request);
  EXPECT_EQ(OnlyNumber(qparams.global_scale()), 448.0F * 6 / 8);
  EXPECT_THAT(qparams.fallback_sessions(), ElementsAre(Full("experts.0.up_proj/weight")));
}

TEST_F(ServiceQParamsGroupsTest, BatchOfAGroupSharesItsGlobalScaleWithEachMember) {
  ObserveGroupsOf("a.w1/weight", 1, 2);
  ObserveGroupsOf("a.w3/weight", 8, 2);
  v1::BatchGetQParamsRequest request;
  request.set_parent("runs/r");
  request.add_names(Full("a.w1/weight"));
  request.add_names(Full("a.w3/weight"));
  request.add_specs()->set_scheme("NVFP4");
  const auto response = Call(&Stub::BatchGetQParams, request);
  ASSERT_OK(response);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(response->results(i).qparams().SerializeAsString(),
              One(ByScheme(i == 0 ? "a.w1/weight" : "a.w3/weight", "NVFP4")).SerializeAsString());
    EXPECT_EQ(OnlyNumber(response->results(i).qparams().global_scale()), 448.0F * 6 / 8);
  }
}

}  // namespace
}  // namespace calipers::server
