// The calls for sessions, over a connection.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/server_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::kInput;
using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Stub = v1::Calibration::Stub;
using Names = std::vector<std::string>;

class ServiceSessionsTest : public calipers::testing::ServerTest {
 protected:
  absl::StatusOr<v1::Session> Get(const std::string& name) {
    v1::GetSessionRequest request;
    request.set_name(name);
    return Call(&Stub::GetSession, request);
  }
  absl::StatusOr<v1::Session> Reset(const std::string& name) {
    v1::ResetSessionRequest request;
    request.set_name(name);
    return Call(&Stub::ResetSession, request);
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteSessionRequest request;
    request.set_name(name);
    return Call(&Stub::DeleteSession, request).status();
  }
  absl::Status DeleteRun(const std::string& name) {
    v1::DeleteRunRequest request;
    request.set_name(name);
    return Call(&Stub::DeleteRun, request).status();
  }
  static v1::ListSessionsRequest ListRequest(const std::string& parent, int page_size,
                                             const std::string& glob) {
    v1::ListSessionsRequest request;
    request.set_parent(parent);
    request.set_page_size(page_size);
    request.set_module_glob(glob);
    return request;
  }
  // Names from all pages, one after another.
  Names ListAll(const std::string& parent, int page_size = 0, const std::string& glob = "") {
    Names names;
    v1::ListSessionsRequest request = ListRequest(parent, page_size, glob);
    do {
      const auto page = Call(&Stub::ListSessions, request);
      EXPECT_OK(page);
      if (!page.ok()) break;
      for (const v1::Session& session : page->sessions()) names.push_back(session.name());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return names;
  }
};

TEST_F(ServiceSessionsTest, CreateIsIdempotentAndReturnsResolvedArgs) {
  v1::Session spec;
  spec.mutable_args()->set_group_size(4);
  spec.set_dtype("BF16");
  const auto created = Create("m/input", spec);
  ASSERT_OK(created);
  EXPECT_EQ(created->name(), kInput);
  EXPECT_EQ(created->args().strategy(), v1::STRATEGY_GROUP);
  EXPECT_EQ(created->args().observer(), "minmax");
  EXPECT_EQ(created->arithmetic(), v1::ARITHMETIC_EXACT);
  EXPECT_GT(created->create_time().seconds(), 1'500'000'000);
  // The returned session, sent back, is the same spec. Its name makes no difference.
  const auto again = Create("m/input", *created);
  ASSERT_OK(again);
  EXPECT_EQ(again->SerializeAsString(), created->SerializeAsString());
  EXPECT_EQ(Get(kInput)->SerializeAsString(), created->SerializeAsString());

  spec.mutable_args()->set_group_size(8);
  EXPECT_THAT(Create("m/input", spec),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("group_size is 4, given 8")));
}

TEST_F(ServiceSessionsTest, BadCreationsAreRefusedByField) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  v1::Session spec;
  EXPECT_THAT(Create("m/input", spec, "r"), StatusIs(invalid, HasSubstr("run name \"r\"")));
  EXPECT_THAT(Create("m/input", spec, "runs/-"), StatusIs(invalid, HasSubstr("runs/-")));
  EXPECT_THAT(Create("m/gate", spec), StatusIs(invalid, HasSubstr("\"gate\"")));
  EXPECT_THAT(Create("input", spec), StatusIs(invalid, HasSubstr("session id \"input\"")));
  EXPECT_THAT(Create("", spec), StatusIs(invalid, HasSubstr("session id")));
  spec.set_name("runs/r/sessions/other/input");
  EXPECT_THAT(Create("m/input", spec), StatusIs(invalid, HasSubstr("session.name")));
  spec.Clear();
  spec.mutable_args()->set_strategy(v1::STRATEGY_CHANNEL);
  EXPECT_THAT(Create("m/input", spec), StatusIs(invalid, HasSubstr("strategy \"channel\"")));
  spec.mutable_args()->set_strategy(v1::STRATEGY_GROUP);
  EXPECT_THAT(Create("m/q", spec), StatusIs(invalid, HasSubstr("group")));
  for (const std::int64_t size : {-2, -1, 0}) {
    spec.mutable_args()->set_group_size(size);
    EXPECT_THAT(Create("m/input", spec),
                StatusIs(invalid, AllOf(HasSubstr("group_size"), HasSubstr(absl::StrCat(size)))));
  }
  spec.Clear();
  spec.mutable_args()->set_strategy(v1::STRATEGY_BLOCK);
  spec.mutable_args()->add_block_structure(128);
  spec.mutable_args()->add_block_structure(0);
  EXPECT_THAT(Create("m/weight", spec), StatusIs(invalid, HasSubstr("block_structure")));
  spec.Clear();
  spec.set_dtype("F8_E4M3");
  spec.set_arithmetic(v1::ARITHMETIC_REFERENCE);
  EXPECT_THAT(Create("m/input", spec), StatusIs(invalid, HasSubstr("F8_E4M3")));
  EXPECT_THAT(ListAll("runs/-"), IsEmpty());
}

// gRPC has room for only a few KiB of message. The caller must still receive the code.
TEST_F(ServiceSessionsTest, ErrorAboutSomethingLongStillHasItsCode) {
  const std::string longer(50'000, 'x');
  v1::Session spec;
  spec.mutable_args()->set_observer(longer);
  EXPECT_THAT(Create("m/input", spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("observer")));
  EXPECT_THAT(Create("m/" + longer, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("base name")));
  EXPECT_THAT(Get(longer), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session")));
  spec.Clear();
  for (int i = 0; i < 10'000; ++i) spec.mutable_args()->add_block_structure(i);
  EXPECT_THAT(Create("m/weight", spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("block_structure")));
}

TEST_F(ServiceSessionsTest, MissingSessionsAndRunsAreNotFoundByName) {
  const auto not_found = StatusIs(absl::StatusCode::kNotFound, HasSubstr(kInput));
  EXPECT_THAT(Get(kInput), not_found);
  EXPECT_THAT(Reset(kInput), not_found);
  EXPECT_THAT(Delete(kInput), not_found);
  EXPECT_THAT(GetMinMax(kInput), not_found);
  EXPECT_THAT(DeleteRun("runs/r"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("runs/r")));
  EXPECT_THAT(DeleteRun("runs/-"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("run")));
}

TEST_F(ServiceSessionsTest, ResetKeepsTheSpecAndDropsTheRecords) {
  v1::Session spec;
  spec.mutable_args()->set_observer("static_minmax");
  const auto created = Create("m/input", spec);
  ASSERT_OK(created);
  EXPECT_EQ(Observe(kInput, 3, {1, 2}).outcome(), v1::ObservationAck::OUTCOME_STORED);
  ASSERT_OK(GetMinMax(kInput));
  const auto reset = Reset(kInput);
  ASSERT_OK(reset);
  EXPECT_EQ(reset->SerializeAsString(), created->SerializeAsString());
  EXPECT_EQ(GetMinMax(kInput).status().code(), absl::StatusCode::kFailedPrecondition);
  // Records from before the reset do not restrict new records.
  v1::ObserveRequest request;
  request.mutable_header()->set_session(kInput);
  request.mutable_header()->set_dtype("U8");
  request.mutable_header()->add_shape(1);
  request.set_data("\x05");
  calipers::testing::ObserveCall call(stub_);
  ASSERT_TRUE(call.Send(request));
  EXPECT_EQ(call.NextAck().outcome(), v1::ObservationAck::OUTCOME_STORED);
  EXPECT_EQ(Get(kInput)->observed_dtype(), "U8");
}

TEST_F(ServiceSessionsTest, DeletesOnlyTheGivenSessionOrRun) {
  for (const char* run : {"runs/r", "runs/rr", "runs/s"}) {
    ASSERT_OK(Create("m/input", {}, run));
    ASSERT_OK(Create("n/input", {}, run));
  }
  ASSERT_OK(Delete(kInput));
  EXPECT_THAT(ListAll("runs/r"), ElementsAre("runs/r/sessions/n/input"));
  ASSERT_OK(DeleteRun("runs/rr"));
  EXPECT_THAT(ListAll("runs/-"), ElementsAre("runs/r/sessions/n/input", "runs/s/sessions/m/input",
                                             "runs/s/sessions/n/input"));
}

TEST_F(ServiceSessionsTest, ListsByRunAndGlobInPages) {
  Names expected;
  for (int i = 10; i < 30; ++i) {
    const auto session =
        Create(absl::StrCat("layers.", i, i % 2 == 0 ? ".up/input" : ".up/weight"));
    ASSERT_OK(session);
    expected.push_back(session->name());
  }
  ASSERT_OK(Create("layers.10.up/input", {}, "runs/other"));
  for (int page_size : {1, 3, 20, 1000, 2'000'000'000}) {
    EXPECT_EQ(ListAll("runs/r", page_size), expected) << page_size;
  }
  EXPECT_EQ(ListAll("runs/-").size(), 21U);
  EXPECT_EQ(ListAll("runs/r", 2, "layers.1?.up").size(), 10U);
  EXPECT_EQ(ListAll("runs/r", 2, "*/weight").size(), 10U);
  EXPECT_THAT(ListAll("runs/r", 0, "layers"), IsEmpty());
  EXPECT_THAT(ListAll("runs/none"), IsEmpty());
  const auto first = Call(&Stub::ListSessions, ListRequest("runs/r", 5, ""));
  ASSERT_OK(first);
  EXPECT_EQ(first->sessions_size(), 5);
}

TEST_F(ServiceSessionsTest, BadListingsAreRefusedByField) {
  const auto refused = [this](const v1::ListSessionsRequest& request, const char* said) {
    EXPECT_THAT(Call(&Stub::ListSessions, request),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(said)));
  };
  refused(ListRequest("", 0, ""), "run name");
  refused(ListRequest("runs/r", -1, ""), "page_size is -1");
  refused(ListRequest("runs/r", 0, std::string(513, 'a')), "module_glob");
  v1::ListSessionsRequest token = ListRequest("runs/r", 0, "");
  token.set_page_token("!");
  refused(token, "page_token");
}

TEST_F(ServiceSessionsTest, CoverageIsByWorkerAndNamesWhatWasNeverSeen) {
  for (const char* id : {"a/input", "b/input", "c/input", "d/weight"}) ASSERT_OK(Create(id));
  calipers::testing::ObserveCall call(stub_);
  const auto send = [&call](const std::string& worker, const std::string& module,
                            std::int64_t index, std::int64_t tokens) {
    v1::ObserveRequest request =
        calipers::testing::Tensor(absl::StrCat("runs/r/sessions/", module, "/input"), index,
                                  std::vector<float>(static_cast<std::size_t>(tokens), 1));
    request.mutable_header()->set_shape(0, tokens);
    request.mutable_header()->set_shape(1, 1);
    request.set_worker(worker);
    ASSERT_TRUE(call.Send(request));
    call.NextAck();
  };
  send("one", "a", 0, 3);
  send("", "b", 0, 4);
  send("two", "a", 1, 5);
  send("two", "a", 0, 3);  // a duplicate, which counts for no worker
  send("two", "c", 0, 0);
  v1::GetCoverageRequest request;
  request.set_parent("runs/r");
  const auto coverage = Call(&Stub::GetCoverage, request);
  ASSERT_OK(coverage);
  EXPECT_THAT(coverage->unobserved(),
              ElementsAre("runs/r/sessions/c/input", "runs/r/sessions/d/weight"));
  ASSERT_EQ(coverage->sessions_size(), 3);
  const v1::SessionCoverage& a = coverage->sessions(0);
  EXPECT_EQ(a.session(), "runs/r/sessions/a/input");
  EXPECT_EQ(a.batches(), 2);
  EXPECT_EQ(a.tokens(), 8);
  ASSERT_EQ(a.workers_size(), 2);
  EXPECT_EQ(a.workers(1).worker(), "two");
  EXPECT_EQ(a.workers(1).tokens(), 5);
  EXPECT_EQ(coverage->sessions(2).empty_batches(), 1);
  ASSERT_EQ(coverage->workers_size(), 2);
  EXPECT_EQ(coverage->workers(0).worker(), "one");
  EXPECT_EQ(coverage->workers(0).batches(), 2);
  EXPECT_EQ(coverage->workers(0).tokens(), 7);
  EXPECT_EQ(coverage->workers(1).batches(), 2);

  request.set_module_glob("d*");
  EXPECT_THAT(Call(&Stub::GetCoverage, request)->unobserved(),
              ElementsAre("runs/r/sessions/d/weight"));
  request.set_parent("r");
  EXPECT_THAT(Call(&Stub::GetCoverage, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("run name")));
}

}  // namespace
}  // namespace calipers::server
