// Scales, zero points and global scales, over a connection.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/qparams/qparams.h"
#include "core/tensor/element.h"
#include "tests/server/rpc/service_qparams_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::kInput;
using calipers::testing::OnlyNumber;
using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Stub = v1::Calibration::Stub;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Each value is lost if the range is rounded to float32 first.
TEST_F(ServiceQParamsTest, ExactScalesStartFromTheFoldInFloat64) {
  const std::vector<std::pair<double, double>> cases = {
      {1.0 / 3, 0.00261437908496732}, {1e39, 1e39 / 127.5}, {1e-320, 1e-320 / 127.5}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto [high, scale] = cases[i];
    const std::string id = absl::StrCat("m", i, "/input");
    ASSERT_OK(Create(id));
    v1::ObserveRequest tensor = calipers::testing::Tensor(Full(id), 0, {0});
    tensor.mutable_header()->set_dtype("F64");
    tensor.set_data(std::string(reinterpret_cast<const char*>(&high), sizeof(high)));
    ASSERT_EQ(Observe(tensor).outcome(), v1::ObservationAck::OUTCOME_STORED);
    const v1::QParams qparams = One(ByJson(id, R"({"num_bits": 8, "symmetric": true})"));
    EXPECT_EQ(qparams.scale().dtype(), "F64");
    double given = 0;
    ASSERT_EQ(qparams.scale().data().size(), sizeof(given));
    std::memcpy(&given, qparams.scale().data().data(), sizeof(given));
    EXPECT_NEAR(given / scale, 1, 1e-15) << high;
    EXPECT_THAT(qparams.notes(), IsEmpty());
  }
}

TEST_F(ServiceQParamsTest, ArgsSchemesAndJsonAreAnsweredByTheSameCall) {
  ObserveInput("m/input", {-1, 0.5, 2});
  v1::GetQParamsRequest request = Request("m/input");
  request.add_specs()->mutable_args()->set_num_bits(8);
  request.add_specs()->set_scheme("fp8");
  request.add_specs()->set_args_json(R"({"num_bits": 8, "symmetric": false})");
  const auto response = Ask(request);
  ASSERT_OK(response);
  ASSERT_EQ(response->results_size(), 3);

  const v1::QParams& args = response->results(0).qparams();
  EXPECT_EQ(args.session(), kInput);
  EXPECT_EQ(args.args().strategy(), v1::STRATEGY_TENSOR);
  EXPECT_EQ(OnlyNumber(args.scale()), static_cast<float>(2 / 127.5));
  EXPECT_THAT(args.scale().shape(), ElementsAre(1));
  EXPECT_EQ(args.zero_point().dtype(), "I8");
  EXPECT_EQ(args.zero_point().data(), std::string(1, '\0'));
  EXPECT_THAT(args.zero_point().shape(), ElementsAre(1));
  EXPECT_FALSE(args.has_global_scale());
  EXPECT_THAT(args.notes(), IsEmpty());
  EXPECT_THAT(args.fused_sessions(), IsEmpty());
  EXPECT_THAT(args.fallback_sessions(), IsEmpty());
  EXPECT_EQ(args.progress().count(), 1);

  const v1::QParams& fp8 = response->results(1).qparams();
  EXPECT_EQ(fp8.args().type(), v1::QUANTIZATION_TYPE_FLOAT);
  EXPECT_EQ(OnlyNumber(fp8.scale()), static_cast<float>(2.0 / 448));
  EXPECT_EQ(fp8.zero_point().dtype(), "F8_E4M3");

  const v1::QParams& json = response->results(2).qparams();
  EXPECT_FALSE(json.args().symmetric());
  EXPECT_EQ(OnlyNumber(json.scale()), static_cast<float>(3.0 / 255));
  // -128 + 1 * 255 / 3
  EXPECT_EQ(json.zero_point().data(), std::string(1, '\xD5'));

  // A question changes nothing.
  EXPECT_EQ(Ask(request)->SerializeAsString(), response->SerializeAsString());
  EXPECT_EQ(OnlyNumber(GetMinMax(kInput)->range().max()), 2);
}

TEST_F(ServiceQParamsTest, RequestWithoutSpecsUsesTheSessionsArgs) {
  v1::Session spec;
  spec.mutable_args()->set_num_bits(4);
  spec.mutable_args()->set_symmetric(false);
  ASSERT_OK(Create("m/input", spec));
  Observe(kInput, 0, {-1, 2});
  const v1::QParams qparams = One(Request("m/input"));
  EXPECT_EQ(qparams.args().num_bits(), 4);
  EXPECT_EQ(OnlyNumber(qparams.scale()), 0.2F);
  EXPECT_EQ(qparams.zero_point().data(), std::string(1, static_cast<char>(-8 + 5)));
}

TEST_F(ServiceQParamsTest, BadSpecDoesNotTouchTheOthers) {
  ObserveInput("m/input", {-1, 2});
  v1::GetQParamsRequest request = Request("m/input");
  request.add_specs()->set_scheme("W8A9");
  request.add_specs();
  request.add_specs()->set_args_json("{\"num_bits\": ");
  request.add_specs()->mutable_args()->set_strategy(v1::STRATEGY_GROUP);
  request.add_specs()->mutable_args()->set_type(static_cast<v1::QuantizationType>(9));
  request.add_specs()->mutable_args()->set_zp_dtype("I3");
  request.add_specs()->mutable_args()->set_dynamic(v1::DYNAMIC_LOCAL);
  request.add_specs()->mutable_args()->set_num_bits(1);
  request.add_specs()->set_args_json(R"({"observer": "mse"})");
  request.add_specs()->set_scheme("FP8");
  const auto response = Ask(request);
  ASSERT_OK(response);
  ASSERT_EQ(response->results_size(), 10);
  const char* const why[] = {"W8A9",     "spec is empty", "JSON",     "group_size", "args.type",
                             "zp_dtype", "dynamic local", "num_bits", "mse"};
  for (int i = 0; i < 9; ++i) {
    EXPECT_THAT(StatusOf(response->results(i)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why[i])));
  }
  EXPECT_EQ(OnlyNumber(response->results(9).qparams().scale()), static_cast<float>(2.0 / 448));
}

TEST_F(ServiceQParamsTest, BadRequestHasNoAnswer) {
  ObserveInput("m/input", {-1, 2});
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Ask(Request("n/input")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("n/input")));
  v1::GetQParamsRequest request = Request("m/input");
  request.set_wait_count(-1);
  EXPECT_THAT(Ask(request), StatusIs(invalid, HasSubstr("wait_count is -1")));
  request = Request("m/input");
  for (int i = 0; i < 65; ++i) request.add_specs()->set_scheme("FP8");
  EXPECT_THAT(Ask(request), StatusIs(invalid, HasSubstr("65 entries")));
  request = Request("m/input");
  request.mutable_fusion()->add_groups()->add_names("alone");
  EXPECT_THAT(Ask(request), StatusIs(invalid, HasSubstr("1 names")));
  request = Request("m/input");
  request.mutable_fusion()->set_mode(static_cast<v1::Fusion::Mode>(7));
  EXPECT_THAT(Ask(request), StatusIs(invalid, HasSubstr("fusion.mode")));
  request = Request("m/input");
  request.mutable_fallback()->add_peers_behind("a.b");
  EXPECT_THAT(Ask(request), StatusIs(invalid, HasSubstr("peers_behind")));
  request = Request("m/input");
  request.add_exclude()->set_start(-1);
  EXPECT_THAT(Ask(request), StatusIs(invalid, HasSubstr("exclude")));
}

TEST_F(ServiceQParamsTest, WaitsUntilTheRecordsAreThere) {
  ASSERT_OK(Create("m/input"));
  v1::GetQParamsRequest request = ByScheme("m/input", "FP8");
  request.set_wait_count(2);
  v1::QParams qparams;
  std::thread asking([&] { qparams = One(request); });
  Observe(kInput, 0, {-1, 2});
  Observe(kInput, 1, {-4, 0});
  asking.join();
  EXPECT_EQ(qparams.progress().count(), 2);
  EXPECT_EQ(OnlyNumber(qparams.scale()), static_cast<float>(4.0 / 448));
}

// A session that is observed finely gives the same results as sessions that are observed coarsely.
TEST_F(ServiceQParamsTest, CoarserStrategiesEqualSessionsObservedWithThem) {
  const char* const strategies[] = {
      R"("strategy": "group", "group_size": 16)", R"("strategy": "group", "group_size": 64)",
      R"("strategy": "channel")", R"("strategy": "block", "block_structure": [4, 32])",
      R"("strategy": "tensor")"};
  std::mt19937_64 random(11);
  std::normal_distribution<float> normal(0, 3);
  for (const v1::Arithmetic arithmetic : {v1::ARITHMETIC_EXACT, v1::ARITHMETIC_REFERENCE}) {
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
      v1::Session spec;
      spec.set_arithmetic(arithmetic);
      v1::QuantizationArgs& args = *spec.mutable_args();
      if (i == 0) args.set_group_size(16);
      if (i == 1) args.set_group_size(64);
      if (i == 2) args.set_strategy(v1::STRATEGY_CHANNEL);
      if (i == 3) {
        args.set_strategy(v1::STRATEGY_BLOCK);
        args.add_block_structure(4);
        args.add_block_structure(32);
      }
      ids.push_back(absl::StrCat("w", arithmetic, ".", i, "/weight"));
      ASSERT_OK(Create(ids.back(), spec));
    }
    for (std::int64_t index = 0; index < 3; ++index) {
      std::vector<float> values(std::size_t{6} * 128);
      for (float& value : values) value = normal(random);
      for (const std::string& id : ids) {
        v1::ObserveRequest request = calipers::testing::Tensor(Full(id), index, values);
        request.mutable_header()->set_shape(0, 6);
        request.mutable_header()->set_shape(1, 128);
        calipers::testing::ObserveCall call(stub_);
        ASSERT_TRUE(call.Send(request));
        ASSERT_EQ(call.NextAck().outcome(), v1::ObservationAck::OUTCOME_STORED);
      }
    }
    for (int i = 0; i < 5; ++i) {
      const std::string json =
          absl::StrCat(R"({"num_bits": 4, "symmetric": false, )", strategies[i], "}");
      const v1::QParams fine = One(ByJson(ids[0], json));
      const v1::QParams coarse = One(ByJson(ids[static_cast<std::size_t>(i)], json));
      EXPECT_FALSE(coarse.scale().data().empty());
      EXPECT_EQ(fine.scale().SerializeAsString(), coarse.scale().SerializeAsString()) << json;
      EXPECT_EQ(fine.zero_point().SerializeAsString(), coarse.zero_point().SerializeAsString())
          << json;
    }
  }
}

TEST_F(ServiceQParamsTest, UnavailableStrategyErrorNamesSufficientStrategies) {
  v1::Session spec;
  spec.mutable_args()->set_strategy(v1::STRATEGY_CHANNEL);
  ASSERT_OK(Create("m/weight", spec));
  Observe(Full("m/weight"), 0, {-1, 2});
  EXPECT_THAT(Error(ByScheme("m/weight", "W4A16")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("m/weight"), HasSubstr("strategy channel cannot give"),
                             HasSubstr("groups whose size divides 128"))));
}

TEST_F(ServiceQParamsTest, SessionThatTheSchemeDoesNotQuantizeHasNoArgs) {
  ASSERT_OK(Create("m/input"));
  const v1::QParams qparams = One(ByScheme("m/input", "W4A16"));
  EXPECT_EQ(qparams.session(), kInput);
  EXPECT_FALSE(qparams.has_args());
  EXPECT_FALSE(qparams.has_scale());
  EXPECT_FALSE(qparams.has_zero_point());
}

TEST_F(ServiceQParamsTest, WhatIsDynamicHasNoScale) {
  ASSERT_OK(Create("m/input"));
  const v1::QParams dynamic = One(ByScheme("m/input", "W8A8"));
  EXPECT_EQ(dynamic.args().dynamic(), v1::DYNAMIC_TRUE);
  EXPECT_FALSE(dynamic.has_scale());
  EXPECT_FALSE(dynamic.has_zero_point());
  EXPECT_FALSE(dynamic.has_global_scale());
  // Only its global scale is kept. One range for each tensor is enough for it.
  Observe(kInput, 0, {-1, 2});
  Observe(kInput, 1, {-4, 0});
  const v1::QParams local = One(ByScheme("m/input", "NVFP4"));
  EXPECT_EQ(local.args().dynamic(), v1::DYNAMIC_LOCAL);
  EXPECT_FALSE(local.has_scale());
  EXPECT_FALSE(local.has_zero_point());
  EXPECT_THAT(local.global_scale().shape(), ElementsAre(1));
  EXPECT_EQ(OnlyNumber(local.global_scale()), 448.0F * 6 / 4);
}

TEST_F(ServiceQParamsTest, RangeThatIsNoNumberIsRefusedUnlessExcluded) {
  ObserveInput("m/input", {-1, 2});
  Observe(kInput, 1, {kNaN, 3});
  v1::GetQParamsRequest request = ByScheme("m/input", "FP8");
  EXPECT_THAT(Error(request), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       AllOf(HasSubstr(kInput), HasSubstr("NaN"))));
  EXPECT_THAT(Error(ByScheme("m/input", "NVFP4")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(kInput)));
  v1::IndexRange& bad = *request.add_exclude();
  bad.set_start(1);
  bad.set_end(2);
  EXPECT_EQ(OnlyNumber(One(request).scale()), static_cast<float>(2.0 / 448));
  bad.set_start(0);
  EXPECT_THAT(Error(request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("exclude")));
}

TEST_F(ServiceQParamsTest, TrapsAreNoted) {
  ObserveInput("m/input", {0, 0});
  const v1::QParams qparams = One(ByScheme("m/input", "FP8"));
  ASSERT_EQ(qparams.notes_size(), 1);
  EXPECT_EQ(qparams.notes(0).trap(), "zero_range");
  EXPECT_EQ(qparams.notes(0).count(), 1);
  EXPECT_EQ(qparams.notes(0).first(), 0);
  EXPECT_FALSE(qparams.notes(0).text().empty());
}

TEST_F(ServiceQParamsTest, ArgsMayOverrideTheFoldOfTheSession) {
  ObserveInput("m/input", {0, 1});
  Observe(kInput, 1, {0, 3});
  const auto greatest = [](const v1::QParams& qparams) {
    return OnlyNumber(qparams.scale()) * 127.5;
  };
  const v1::QParams own = One(ByJson("m/input", "{}"));
  EXPECT_NEAR(greatest(own), 1 * 0.99 + 3 * 0.01, 1e-6);
  EXPECT_EQ(own.args().observer(), "minmax");
  EXPECT_EQ(own.args().observer_kwargs().averaging_constant(), 0.01);
  const v1::QParams other = One(ByJson("m/input", R"({"observer": "static_minmax"})"));
  EXPECT_NEAR(greatest(other), 3, 1e-6);
  EXPECT_EQ(other.args().observer(), "static_minmax");
  const v1::QParams half =
      One(ByJson("m/input", R"({"observer_kwargs": {"averaging_constant": 0.5}})"));
  EXPECT_NEAR(greatest(half), 2, 1e-6);
  EXPECT_EQ(half.args().observer_kwargs().averaging_constant(), 0.5);
  // A protobuf message gives the same answer as JSON.
  v1::GetQParamsRequest request = Request("m/input");
  request.add_specs()->mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.5);
  EXPECT_EQ(One(request).SerializeAsString(), half.SerializeAsString());
  // The args of an answer, sent back as a spec, give the same answer.
  *request.mutable_specs(0)->mutable_args() = own.args();
  EXPECT_EQ(One(request).SerializeAsString(), own.SerializeAsString());
}

TEST_F(ServiceQParamsTest, FoldedSessionAnswersByItsOwnFoldAlone) {
  v1::Session spec;
  spec.set_retention(v1::RETENTION_FOLDED);
  spec.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.5);
  ASSERT_OK(Create("m/input", spec));
  Observe(kInput, 0, {0, 1});
  Observe(kInput, 1, {0, 3});
  EXPECT_EQ(OnlyNumber(One(Request("m/input")).scale()), static_cast<float>(2 / 127.5));
  v1::GetQParamsRequest request = Request("m/input");
  *request.add_specs()->mutable_args() = One(Request("m/input")).args();
  EXPECT_EQ(OnlyNumber(One(request).scale()), static_cast<float>(2 / 127.5));
  EXPECT_THAT(Error(ByScheme("m/input", "FP8")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FOLDED")));
}

TEST_F(ServiceQParamsTest, BatchAnswersInTheOrderOfNamesAndSpecs) {
  ObserveInput("m/input", {-1, 2});
  ObserveInput("n/input", {-4, 2});
  v1::BatchGetQParamsRequest request;
  request.set_parent("runs/r");
  for (const char* const name : {"runs/r/sessions/n/input", "runs/other/sessions/m/input", kInput,
                                 "runs/r/sessions/none/input", "runs/r/sessions/n/input"}) {
    request.add_names(name);
  }
  request.add_specs()->set_scheme("FP8");
  request.add_specs()->set_scheme("W9A9");
  request.add_specs()->mutable_args()->set_num_bits(8);
  const auto response = Call(&Stub::BatchGetQParams, request);
  ASSERT_OK(response);
  ASSERT_EQ(response->results_size(), 15);
  const auto at = [&](int name, int spec) { return response->results(3 * name + spec); };
  for (const int name : {0, 4}) {
    EXPECT_EQ(at(name, 0).qparams().session(), Full("n/input"));
    EXPECT_EQ(OnlyNumber(at(name, 0).qparams().scale()), static_cast<float>(4.0 / 448));
    EXPECT_EQ(OnlyNumber(at(name, 2).qparams().scale()), static_cast<float>(4 / 127.5));
  }
  EXPECT_EQ(at(2, 0).qparams().session(), kInput);
  EXPECT_EQ(OnlyNumber(at(2, 2).qparams().scale()), static_cast<float>(2 / 127.5));
  EXPECT_THAT(StatusOf(at(2, 1)), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("W9A9")));
  for (int spec = 0; spec < 3; ++spec) {
    EXPECT_THAT(StatusOf(at(1, spec)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not in runs/r")));
    EXPECT_THAT(StatusOf(at(3, spec)),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("none/input")));
  }
}

TEST_F(ServiceQParamsTest, BadBatchHasNoAnswer) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  v1::BatchGetQParamsRequest request;
  request.set_parent("runs/r");
  EXPECT_THAT(Call(&Stub::BatchGetQParams, request), StatusIs(invalid, HasSubstr("0 entries")));
  request.add_names(kInput);
  request.set_wait_count(-3);
  EXPECT_THAT(Call(&Stub::BatchGetQParams, request), StatusIs(invalid, HasSubstr("-3")));
  request.set_parent("r");
  EXPECT_THAT(Call(&Stub::BatchGetQParams, request), StatusIs(invalid, HasSubstr("run name")));
}

}  // namespace
}  // namespace calipers::server
