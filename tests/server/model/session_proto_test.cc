#include "server/model/session_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Every member of the spec differs from its default, except block_structure, which does not go with
// groups.
SessionIdentity GroupIdentity() {
  SessionSpec spec;
  spec.args.num_bits = 4;
  spec.args.type = QuantizationType::kFloat;
  spec.args.symmetric = false;
  spec.args.strategy = Strategy::kGroup;
  spec.args.group_size = 64;
  spec.args.dynamic = Dynamic::kTrue;
  spec.args.actorder = Actorder::kStatic;
  spec.args.scale_dtype = Dtype::kBF16;
  spec.args.zp_dtype = Dtype::kF8E4M3;
  spec.args.observer = "static_minmax";
  spec.args.averaging_constant = 0.25;
  spec.arithmetic = Arithmetic::kReference;
  spec.non_finite_policy = NonFinitePolicy::kSkip;
  spec.weighting = Weighting::kNumObservations;
  spec.dtype = Dtype::kF16;
  spec.retention = Retention::kFolded;
  return {*SessionName::Parse("runs/r/sessions/m.n/weight"), spec,
          absl::FromUnixNanos(1'700'000'000'000'000'123)};
}

std::vector<std::string> SetFields(const google::protobuf::Message& message) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::vector<std::string> names;
  for (const auto* field : fields) names.emplace_back(field->name());
  return names;
}

TEST(IdentityProtoTest, IdentityComesBack) {
  const SessionIdentity group = GroupIdentity();
  SessionIdentity block = group;
  block.spec.args = QuantizationArgs();
  block.spec.args.strategy = Strategy::kBlock;
  block.spec.args.block_structure = {128, 64};
  for (const SessionIdentity& identity : {group, block}) {
    const auto back = IdentityFromProto(ToProto(identity));
    ASSERT_OK(back);
    EXPECT_EQ(back->name.full(), identity.name.full());
    EXPECT_EQ(back->spec, identity.spec) << DescribeDifference(identity.spec, back->spec);
    EXPECT_EQ(back->create_time, identity.create_time);
  }
}

TEST(IdentityProtoTest, HoldsTheFieldsThatNeverChangeAlone) {
  const v1::Session proto = ToProto(GroupIdentity());
  EXPECT_THAT(SetFields(proto), ElementsAre("name", "args", "arithmetic", "non_finite_policy",
                                            "weighting", "dtype", "retention", "create_time"));
  EXPECT_EQ(proto.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(proto.create_time().nanos(), 123);
}

TEST(IdentityProtoTest, BadNameOrSpecIsRefused) {
  v1::Session proto = ToProto(GroupIdentity());
  proto.set_name("m/weight");
  EXPECT_THAT(IdentityFromProto(proto),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("m/weight")));
  proto = ToProto(GroupIdentity());
  proto.set_dtype("float");
  EXPECT_THAT(IdentityFromProto(proto),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("float")));
}

TEST(ArgsProtoTest, WhatIsAbsentStaysAbsent) {
  const auto input = InputFromProto({});
  ASSERT_OK(input);
  EXPECT_EQ(input->num_bits, 8);
  EXPECT_TRUE(input->symmetric);
  EXPECT_EQ(input->strategy, std::nullopt);
  EXPECT_EQ(input->group_size, std::nullopt);
  EXPECT_EQ(input->scale_dtype, std::nullopt);
  EXPECT_EQ(input->zp_dtype, std::nullopt);
  EXPECT_EQ(input->averaging_constant, std::nullopt);
  EXPECT_EQ(input->observer, "");
}

TEST(ArgsProtoTest, ZeroThatIsGivenIsTaken) {
  v1::QuantizationArgs proto;
  proto.set_num_bits(0);
  proto.set_symmetric(false);
  proto.set_group_size(0);
  proto.mutable_observer_kwargs()->set_averaging_constant(0);
  const auto input = InputFromProto(proto);
  ASSERT_OK(input);
  EXPECT_EQ(input->num_bits, 0);
  EXPECT_FALSE(input->symmetric);
  EXPECT_EQ(input->group_size, 0);
  EXPECT_EQ(input->averaging_constant, 0.0);
}

TEST(ArgsProtoTest, InferredMembersAreSetAndAbsentOnesAreNot) {
  EXPECT_THAT(SetFields(ToProto(QuantizationArgs())),
              ElementsAre("num_bits", "type", "symmetric", "strategy", "observer",
                          "observer_kwargs", "dynamic"));
}

TEST(SpecProtoTest, BadFieldsAreNamedWithTheirValues) {
  const auto refuse = [](const char* field, const char* value, auto change) {
    v1::Session session;
    change(session);
    EXPECT_THAT(SpecFromProto(session), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 AllOf(HasSubstr(field), HasSubstr(value))));
  };
  refuse("args.type", "99",
         [](v1::Session& s) { s.mutable_args()->set_type(static_cast<v1::QuantizationType>(99)); });
  refuse("args.dynamic", "99",
         [](v1::Session& s) { s.mutable_args()->set_dynamic(static_cast<v1::Dynamic>(99)); });
  refuse("args.actorder", "99",
         [](v1::Session& s) { s.mutable_args()->set_actorder(static_cast<v1::Actorder>(99)); });
  refuse("retention", "99",
         [](v1::Session& s) { s.set_retention(static_cast<v1::Retention>(99)); });
  refuse("args.scale_dtype", "half",
         [](v1::Session& s) { s.mutable_args()->set_scale_dtype("half"); });
  refuse("args.zp_dtype", "half", [](v1::Session& s) { s.mutable_args()->set_zp_dtype("half"); });
  refuse("statistics", "median", [](v1::Session& s) { s.add_statistics("median"); });
}

}  // namespace
}  // namespace calipers::server
