// Ranges of one or many sessions, and waiting for ranges.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/server_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::kInput;
using calipers::testing::OnlyNumber;
using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Stub = v1::Calibration::Stub;

class ServiceQueryTest : public calipers::testing::ServerTest {
 protected:
  static v1::BatchGetMinMaxRequest BatchRequest(const std::vector<std::string>& names) {
    v1::BatchGetMinMaxRequest request;
    request.set_parent("runs/r");
    request.mutable_names()->Assign(names.begin(), names.end());
    return request;
  }
};

TEST_F(ServiceQueryTest, AnswersEveryRange) {
  v1::Session spec;
  spec.mutable_args()->set_group_size(2);
  spec.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.5);
  ASSERT_OK(Create("m/weight", spec));
  const std::string name = "runs/r/sessions/m/weight";
  const auto send = [&](std::int64_t index, const std::vector<float>& values) {
    calipers::testing::ObserveCall call(stub_);
    ASSERT_TRUE(call.Send(calipers::testing::Tensor(name, index, values)));
    EXPECT_EQ(call.NextAck().outcome(), v1::ObservationAck::OUTCOME_STORED);
  };
  send(2, {-6, 0, 2, 20});
  send(0, {-2, 4, 1, 8});
  const auto answer = GetMinMax(name);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->session(), name);
  EXPECT_THAT(answer->range().min().shape(), ElementsAre(1, 2));
  EXPECT_EQ(answer->range().min().dtype(), "F64");
  EXPECT_EQ(answer->range().min().data(), calipers::testing::Doubles({-4, 1.5}));
  EXPECT_EQ(answer->range().max().data(), calipers::testing::Doubles({2, 14}));
  EXPECT_THAT(answer->current().max().shape(), ElementsAre(1, 2));
  EXPECT_EQ(answer->current().min().data(), calipers::testing::Floats({-6, 2}));
  EXPECT_EQ(answer->current().max().data(), calipers::testing::Floats({0, 20}));
  EXPECT_THAT(answer->global().min().shape(), ElementsAre(1));
  EXPECT_EQ(OnlyNumber(answer->global().min()), -4);
  EXPECT_EQ(OnlyNumber(answer->global().max()), 14);
  EXPECT_EQ(OnlyNumber(answer->current_global().min()), -6);
  EXPECT_EQ(OnlyNumber(answer->current_global().max()), 20);
  EXPECT_EQ(OnlyNumber(answer->global_of_range().min()), -4);
  EXPECT_EQ(OnlyNumber(answer->global_of_range().max()), 14);
  EXPECT_EQ(answer->progress().count(), 2);
  EXPECT_EQ(answer->progress().contiguous_prefix(), 1);
  ASSERT_EQ(answer->progress().missing_size(), 1);
  EXPECT_EQ(answer->progress().missing(0).start(), 1);
  EXPECT_EQ(answer->progress().missing(0).end(), 2);
}

TEST_F(ServiceQueryTest, SessionWithoutValuesReturnsAnError) {
  ASSERT_OK(Create("m/input"));
  EXPECT_THAT(GetMinMax(kInput), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          AllOf(HasSubstr(kInput), HasSubstr("no observation"))));
  EXPECT_EQ(Observe(kInput, 0, {}).outcome(), v1::ObservationAck::OUTCOME_STORED);
  EXPECT_THAT(GetMinMax(kInput),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("1 are empty")));
}

TEST_F(ServiceQueryTest, BadQueriesAreRefusedByField) {
  ASSERT_OK(Create("m/input"));
  EXPECT_THAT(GetMinMax(kInput, -1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("wait_count is -1")));
  v1::GetMinMaxRequest request;
  request.set_name(kInput);
  request.mutable_read_mask()->add_paths("min");
  EXPECT_THAT(Call(&Stub::GetMinMax, request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("read_mask"), HasSubstr("\"min\""))));
}

TEST_F(ServiceQueryTest, BatchResultsHaveTheOrderOfTheRequest) {
  for (const char* id : {"a/input", "b/input"}) ASSERT_OK(Create(id));
  ASSERT_OK(Create("a/input", {}, "runs/other"));
  Observe("runs/r/sessions/a/input", 0, {-1, 7});
  v1::BatchGetMinMaxRequest request =
      BatchRequest({"runs/r/sessions/b/input", "runs/r/sessions/a/input", "runs/r/sessions/c/input",
                    "runs/other/sessions/a/input", "runs/r/sessions/a/input", ""});
  request.mutable_read_mask()->add_paths("range");
  const auto response = Call(&Stub::BatchGetMinMax, request);
  ASSERT_OK(response);
  ASSERT_EQ(response->results_size(), 6);
  EXPECT_EQ(response->results(0).status().code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(OnlyNumber(response->results(1).min_max().range().max()), 7);
  EXPECT_FALSE(response->results(1).min_max().has_progress());
  EXPECT_EQ(response->results(2).status().code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(response->results(3).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(response->results(3).status().message(),
              AllOf(HasSubstr("runs/other/sessions/a/input"), HasSubstr("not in runs/r")));
  EXPECT_EQ(response->results(4).SerializeAsString(), response->results(1).SerializeAsString());
  EXPECT_EQ(response->results(5).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceQueryTest, BatchHasItsLimits) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Call(&Stub::BatchGetMinMax, BatchRequest({})),
              StatusIs(invalid, HasSubstr("names has 0 entries")));
  EXPECT_THAT(Call(&Stub::BatchGetMinMax,
                   BatchRequest(std::vector<std::string>(10'001, "runs/r/sessions/a/input"))),
              StatusIs(invalid, HasSubstr("10001")));
  v1::BatchGetMinMaxRequest request = BatchRequest({kInput});
  request.set_parent("runs/-");
  EXPECT_THAT(Call(&Stub::BatchGetMinMax, request), StatusIs(invalid, HasSubstr("run name")));
}

// A name that is not ASCII is cut within a character. The whole answer must still be readable.
TEST_F(ServiceQueryTest, NonAsciiNameInABatchDoesNotAffectOthers) {
  ASSERT_OK(Create("a/input"));
  Observe("runs/r/sessions/a/input", 0, {1});
  std::string strange = "runs/r/sessions/";
  while (strange.size() < 2000) strange += "\xe4\xbd\xa0";
  std::vector<std::string> names = {"runs/r/sessions/a/input"};
  for (const char* pad : {"", "m", "mm"})
    names.push_back(strange.substr(0, 16) + pad + strange.substr(16));
  const auto response = Call(&Stub::BatchGetMinMax, BatchRequest(names));
  ASSERT_OK(response);
  EXPECT_TRUE(response->results(0).has_min_max());
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(response->results(i).status().code(), grpc::StatusCode::NOT_FOUND);
  }
}

TEST_F(ServiceQueryTest, WaitEndsOnceTheCountIsThere) {
  ASSERT_OK(Create("m/input"));
  Observe(kInput, 0, {1});
  std::thread waiter([this] {
    const auto answer = GetMinMax(kInput, 3);
    ASSERT_OK(answer);
    EXPECT_GE(answer->progress().count(), 3);
  });
  for (std::int64_t i = 1; i < 4; ++i) Observe(kInput, i, {1});
  waiter.join();
  EXPECT_OK(GetMinMax(kInput, 4));
}

TEST_F(ServiceQueryTest, WaitEndsAtItsDeadline) {
  ASSERT_OK(Create("m/input"));
  Observe(kInput, 0, {1});
  // The message comes from the server, not from the client's own deadline.
  EXPECT_THAT(GetMinMax(kInput, 2, std::chrono::milliseconds(1000)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("holds 1 of the 2 records")));
  EXPECT_OK(GetMinMax(kInput, 1));
}

TEST_F(ServiceQueryTest, BatchThatWaitsForOneStillAnswersForTheOthers) {
  ASSERT_OK(Create("m/input"));
  ASSERT_OK(Create("n/input"));
  Observe(kInput, 0, {1});
  v1::BatchGetMinMaxRequest request;
  request.set_parent("runs/r");
  request.add_names("runs/r/sessions/n/input");
  request.add_names(kInput);
  request.set_wait_count(1);
  const auto response = Call(&Stub::BatchGetMinMax, request, std::chrono::milliseconds(1000));
  ASSERT_OK(response);
  EXPECT_EQ(response->results(0).status().code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(response->results(1).has_min_max());
}

class FewCallsTest : public calipers::testing::ServerTest {
 protected:
  static server::Config FewCalls() {
    server::Config config = DefaultConfig();
    config.max_calls = 8;
    return config;
  }
  FewCallsTest() : ServerTest(FewCalls()) {}
};

TEST_F(FewCallsTest, CallsThatWaitLeaveRoomForTheOthers) {
  ASSERT_OK(Create("m/input"));
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      absl::Status end;
      do {
        end = GetMinMax(kInput, 1).status();
      } while (absl::IsResourceExhausted(end));  // The fifth may have been before it.
      EXPECT_OK(end);
    });
  }
  // As soon as four calls wait, the fifth is refused at once, not at its deadline.
  const auto bound = std::chrono::steady_clock::now() + calipers::testing::kBound;
  absl::Status fifth;
  while (!absl::IsResourceExhausted(fifth) && std::chrono::steady_clock::now() < bound) {
    fifth = GetMinMax(kInput, 1, std::chrono::milliseconds(100)).status();
  }
  EXPECT_THAT(fifth, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("--max-calls")));
  EXPECT_OK(Create("n/input"));
  EXPECT_EQ(Observe(kInput, 0, {1}).outcome(), v1::ObservationAck::OUTCOME_STORED);
  for (std::thread& waiter : waiters) waiter.join();
}

TEST_F(ServiceQueryTest, DeletionEndsAWait) {
  ASSERT_OK(Create("m/input"));
  std::thread waiter([this] {
    EXPECT_THAT(GetMinMax(kInput, 1), StatusIs(absl::StatusCode::kNotFound, HasSubstr(kInput)));
  });
  v1::DeleteSessionRequest request;
  request.set_name(kInput);
  EXPECT_OK(Call(&Stub::DeleteSession, request));
  waiter.join();
}

class WatchTest : public ServiceQueryTest {
 protected:
  // A watch that the test ends.
  class Watch {
   public:
    Watch(Stub& stub, const std::string& parent, const std::string& glob = "") {
      context_.set_deadline(std::chrono::system_clock::now() + calipers::testing::kBound);
      v1::WatchSessionsRequest request;
      request.set_parent(parent);
      request.set_module_glob(glob);
      reader_ = stub.WatchSessions(&context_, request);
    }
    v1::SessionEvent Next() {
      v1::SessionEvent event;
      EXPECT_TRUE(reader_->Read(&event));
      return event;
    }
    // Reads until the session has `count` records.
    void AwaitCount(const std::string& name, std::int64_t count) {
      v1::SessionEvent event;
      do {
        ASSERT_TRUE(reader_->Read(&event)) << "the watch ended before " << count;
        ASSERT_EQ(event.kind(), v1::SessionEvent::KIND_CURRENT);
        ASSERT_EQ(event.session().name(), name);
      } while (event.session().progress().count() < count);
      EXPECT_EQ(event.session().progress().count(), count);
    }
    void Cancel() { context_.TryCancel(); }
    absl::Status Finish() {
      v1::SessionEvent event;
      while (reader_->Read(&event)) {
      }
      return calipers::testing::FromGrpc(reader_->Finish());
    }

   private:
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<v1::SessionEvent>> reader_;
  };
};

TEST_F(WatchTest, ShowsCurrentSessionsThenEachChange) {
  ASSERT_OK(Create("m/input"));
  ASSERT_OK(Create("n/input"));
  ASSERT_OK(Create("m/input", {}, "runs/other"));
  Observe(kInput, 0, {1});
  Watch watch(stub_, "runs/r", "m*");
  v1::SessionEvent event = watch.Next();
  EXPECT_EQ(event.kind(), v1::SessionEvent::KIND_CURRENT);
  EXPECT_EQ(event.session().name(), kInput);
  EXPECT_EQ(event.session().progress().count(), 1);
  event = watch.Next();
  EXPECT_EQ(event.kind(), v1::SessionEvent::KIND_SYNCED);
  EXPECT_FALSE(event.has_session());

  for (std::int64_t i = 1; i < 5; ++i) Observe(kInput, i, {1});
  watch.AwaitCount(kInput, 5);
  Observe("runs/r/sessions/n/input", 0, {1});  // does not match the glob
  ASSERT_OK(Create("m2/input"));
  // The event of an earlier record may already have shown the last one. Then its own repeats it.
  do {
    event = watch.Next();
    EXPECT_EQ(event.kind(), v1::SessionEvent::KIND_CURRENT);
  } while (event.session().name() == kInput);
  EXPECT_EQ(event.session().name(), "runs/r/sessions/m2/input");
  v1::DeleteSessionRequest deletion;
  deletion.set_name(kInput);
  ASSERT_OK(Call(&Stub::DeleteSession, deletion));
  event = watch.Next();
  EXPECT_EQ(event.kind(), v1::SessionEvent::KIND_DELETED);
  EXPECT_EQ(event.session().name(), kInput);
  watch.Cancel();
  EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kCancelled);
}

TEST_F(WatchTest, RefusedWatchGivesTheReason) {
  Watch watch(stub_, "r");
  EXPECT_THAT(watch.Finish(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("run name")));
}

TEST_F(WatchTest, WaitsAndWatchesEndWhenTheServerStops) {
  ASSERT_OK(Create("m/input"));
  Watch watch(stub_, "runs/-");
  EXPECT_EQ(watch.Next().kind(), v1::SessionEvent::KIND_CURRENT);
  EXPECT_EQ(watch.Next().kind(), v1::SessionEvent::KIND_SYNCED);
  server_->Stop();
  EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace calipers::server
