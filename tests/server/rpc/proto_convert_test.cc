#include "server/rpc/proto_convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/message_differencer.h"
#include "server/session/session_table.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/add_record.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::AddRecord;
using calipers::testing::MakeRecord;
using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kUnknown = 99;

TEST(SpecFromProtoTest, EmptySessionGivesTheDefaultSpec) {
  const auto spec = SpecFromProto({});
  ASSERT_OK(spec);
  EXPECT_EQ(*spec, SessionSpec());
}

TEST(SpecFromProtoTest, UnknownEnumValuesAreRefusedByFieldAndValue) {
  v1::Session strategy;
  strategy.mutable_args()->set_strategy(static_cast<v1::Strategy>(kUnknown));
  v1::Session arithmetic;
  arithmetic.set_arithmetic(static_cast<v1::Arithmetic>(kUnknown));
  v1::Session policy;
  policy.set_non_finite_policy(static_cast<v1::NonFinitePolicy>(kUnknown));
  v1::Session weighting;
  weighting.set_weighting(static_cast<v1::Weighting>(kUnknown));
  const std::pair<v1::Session, const char*> cases[] = {{strategy, "args.strategy"},
                                                       {arithmetic, "arithmetic"},
                                                       {policy, "non_finite_policy"},
                                                       {weighting, "weighting"}};
  for (const auto& [session, field] : cases) {
    EXPECT_THAT(SpecFromProto(session), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 AllOf(HasSubstr(field), HasSubstr("99"))));
  }
}

TEST(SpecFromProtoTest, BadMembersAreNamed) {
  const auto refuse = [](const char* said, auto change) {
    v1::Session session;
    change(session);
    EXPECT_THAT(SpecFromProto(session),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(said)));
  };
  refuse("dtype", [](v1::Session& s) { s.set_dtype("bfloat16"); });
  refuse("observer", [](v1::Session& s) { s.mutable_args()->set_observer("mse"); });
  refuse("averaging_constant", [](v1::Session& s) {
    s.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(1.5);
  });
  refuse("group_size", [](v1::Session& s) { s.mutable_args()->set_group_size(0); });
  refuse("block_structure",
         [](v1::Session& s) { s.mutable_args()->set_strategy(v1::STRATEGY_BLOCK); });
}

// From the session that a client reads, the client can create an equal session.
TEST(ConvertTest, SpecRoundTripsThroughProto) {
  MemoryStore store(1 << 20);
  SessionTable table(&store, 1000);
  int created = 0;
  const auto round_trip = [&](const std::string& base_name, const v1::Session& given) {
    const auto spec = SpecFromProto(given);
    ASSERT_OK(spec);
    const auto session = table.Create(
        *SessionName::Parse(absl::StrCat("runs/r/sessions/m", created++, "/", base_name)), *spec);
    ASSERT_OK(session);
    const auto again = SpecFromProto(ToProto(**session));
    ASSERT_OK(again);
    EXPECT_EQ(*again, *spec) << DescribeDifference(*spec, *again);
  };
  const std::pair<v1::Strategy, const char*> strategies[] = {
      {v1::STRATEGY_UNSPECIFIED, "k"},       {v1::STRATEGY_TENSOR, "output"},
      {v1::STRATEGY_CHANNEL, "weight"},      {v1::STRATEGY_GROUP, "input"},
      {v1::STRATEGY_BLOCK, "weight"},        {v1::STRATEGY_TOKEN, "input"},
      {v1::STRATEGY_TENSOR_GROUP, "weight"}, {v1::STRATEGY_ATTN_HEAD, "q"}};
  for (const auto& [strategy, base_name] : strategies) {
    v1::Session given;
    given.mutable_args()->set_strategy(strategy);
    if (strategy == v1::STRATEGY_GROUP || strategy == v1::STRATEGY_TENSOR_GROUP) {
      given.mutable_args()->set_group_size(32);
    }
    if (strategy == v1::STRATEGY_BLOCK) {
      given.mutable_args()->add_block_structure(16);
      given.mutable_args()->add_block_structure(32);
    }
    round_trip(base_name, given);
  }
  for (const auto policy : {v1::NON_FINITE_POLICY_PROPAGATE, v1::NON_FINITE_POLICY_REJECT,
                            v1::NON_FINITE_POLICY_SKIP}) {
    v1::Session given;
    given.set_non_finite_policy(policy);
    given.set_arithmetic(v1::ARITHMETIC_REFERENCE);
    given.set_weighting(v1::WEIGHTING_NUM_OBSERVATIONS);
    given.set_dtype("BF16");
    given.mutable_args()->set_observer("static_minmax");
    given.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.25);
    round_trip("input", given);
  }
}

TEST(ConvertTest, SessionProtoShowsDtypeShapeAndProgress) {
  MemoryStore store(1 << 20);
  ChangeFeed feed;
  const absl::Time created = absl::FromUnixNanos(1'600'000'000'123'456'789);
  const auto identity = std::make_shared<const SessionIdentity>(
      SessionIdentity{*SessionName::Parse("runs/r/sessions/m/input"), {}, created});
  Session session({identity, *store.CreateSession(identity)}, &store, &feed);
  v1::Session proto = ToProto(session);
  EXPECT_EQ(proto.name(), "runs/r/sessions/m/input");
  EXPECT_EQ(proto.create_time().seconds(), 1'600'000'000);
  EXPECT_EQ(proto.create_time().nanos(), 123'456'789);
  EXPECT_EQ(proto.observed_dtype(), "");
  EXPECT_EQ(proto.qparam_shape_size(), 0);
  EXPECT_EQ(proto.args().observer(), "minmax");
  EXPECT_EQ(proto.args().observer_kwargs().averaging_constant(), 0.01);

  AddRecord(store, session, 2, {1}, MakeRecord(0, 1, 7), "w");
  AddRecord(store, session, 2, {1}, MakeRecord(0, 9), "w");
  proto = ToProto(session);
  EXPECT_EQ(proto.observed_dtype(), "F32");
  EXPECT_THAT(proto.qparam_shape(), ::testing::ElementsAre(1));
  EXPECT_EQ(proto.progress().count(), 1);
  EXPECT_EQ(proto.progress().folded_count(), 1);
  EXPECT_EQ(proto.progress().end_index(), 3);
  EXPECT_EQ(proto.progress().contiguous_prefix(), 0);
  ASSERT_EQ(proto.progress().missing_size(), 1);
  EXPECT_EQ(proto.progress().missing(0).start(), 0);
  EXPECT_EQ(proto.progress().missing(0).end(), 2);
  EXPECT_EQ(proto.progress().missing_range_count(), 1);
  EXPECT_EQ(proto.progress().num_observations(), 7);
  EXPECT_EQ(proto.progress().conflict_count(), 1);
}

class ReadMaskTest : public ::testing::Test {
 protected:
  ReadMaskTest() {
    AddRecord(store_, session_, 0, {1}, MakeRecord(-1, 1), "w");
    AddRecord(store_, session_, 1, {1}, MakeRecord(-3, 5), "w");
  }

  v1::MinMax Answer(const std::vector<std::string>& paths) {
    google::protobuf::FieldMask mask;
    for (const std::string& path : paths) mask.add_paths(path);
    return ToProto(session_, *session_.GetMinMax(), mask);
  }

  MemoryStore store_{1 << 20};
  ChangeFeed feed_;
  const std::shared_ptr<const SessionIdentity> identity_ = std::make_shared<const SessionIdentity>(
      SessionIdentity{*SessionName::Parse("runs/r/sessions/m/input"), {}, absl::UnixEpoch()});
  Session session_{{identity_, *store_.CreateSession(identity_)}, &store_, &feed_};
};

TEST_F(ReadMaskTest, EachPathSelectsOnlyItsMember) {
  const v1::MinMax all = Answer({});
  const std::vector<std::string> members = {"range",          "current",         "global",
                                            "current_global", "global_of_range", "progress"};
  EXPECT_FALSE(google::protobuf::util::MessageDifferencer::Equals(all.range(), all.current()));
  for (const std::string& member : members) {
    const auto* field = v1::MinMax::descriptor()->FindFieldByName(member);
    ASSERT_NE(field, nullptr) << member;
    ASSERT_TRUE(all.GetReflection()->HasField(all, field)) << member;
    const v1::MinMax one = Answer({member});
    for (const std::string& other : members) {
      EXPECT_EQ(
          one.GetReflection()->HasField(one, v1::MinMax::descriptor()->FindFieldByName(other)),
          other == member)
          << member << " " << other;
    }
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
        one.GetReflection()->GetMessage(one, field), all.GetReflection()->GetMessage(all, field)))
        << member;
    EXPECT_EQ(one.session(), all.session());
  }
}

// A mask may name every member of MinMax except `session`.
TEST_F(ReadMaskTest, KnowsEveryMemberAndNoOther) {
  const auto* descriptor = v1::MinMax::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    google::protobuf::FieldMask mask;
    mask.add_paths(descriptor->field(i)->name());
    EXPECT_EQ(CheckReadMask(mask).ok(), descriptor->field(i)->name() != "session")
        << descriptor->field(i)->name();
  }
  for (const char* path : {"", "range.min", "Range", "range,current", "*"}) {
    google::protobuf::FieldMask mask;
    mask.add_paths("range");
    mask.add_paths(path);
    EXPECT_THAT(CheckReadMask(mask),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("read_mask"), HasSubstr(path), HasSubstr("progress"))));
  }
}

v1::ObservationAck AckProto(const Ack& ack) {
  v1::ObservationAck proto;
  ToProto(ack, proto);
  return proto;
}

TEST(ConvertTest, AcksKeepOutcomeIndexAndReason) {
  const std::pair<Outcome, v1::ObservationAck::Outcome> outcomes[] = {
      {Outcome::kStored, v1::ObservationAck::OUTCOME_STORED},
      {Outcome::kDuplicate, v1::ObservationAck::OUTCOME_DUPLICATE},
      {Outcome::kConflict, v1::ObservationAck::OUTCOME_CONFLICT},
      {Outcome::kRejected, v1::ObservationAck::OUTCOME_REJECTED}};
  for (const auto& [outcome, expected] : outcomes) {
    const v1::ObservationAck ack =
        AckProto(Ack{.ordinal = 3, .index = 7, .outcome = outcome, .status = absl::OkStatus()});
    EXPECT_EQ(ack.outcome(), expected);
    EXPECT_EQ(ack.ordinal(), 3);
    EXPECT_EQ(ack.index(), 7);
    EXPECT_FALSE(ack.has_status());
  }
  const v1::ObservationAck rejected = AckProto(Ack{.status = absl::DataLossError("why")});
  EXPECT_EQ(rejected.status().code(), static_cast<int>(absl::StatusCode::kDataLoss));
  EXPECT_EQ(rejected.status().message(), "why");
}

// A message may quote foreign input, cut at any byte. Protobuf must always be able to read the
// response.
TEST(ConvertTest, MessagesAreShortAndAlwaysText) {
  const google::rpc::Status cut = ToProto(absl::NotFoundError("no session \xe4\xbd"));
  google::rpc::Status read;
  ASSERT_TRUE(read.ParseFromString(cut.SerializeAsString()));
  EXPECT_TRUE(absl::StartsWith(read.message(), "no session "));
  const google::rpc::Status large = ToProto(absl::NotFoundError(std::string(100'000, 'x')));
  EXPECT_LT(large.message().size(), 3000U);
  EXPECT_GT(large.message().size(), 1000U);
}

}  // namespace
}  // namespace calipers::server
