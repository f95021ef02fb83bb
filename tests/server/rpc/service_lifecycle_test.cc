// A server's limits, its other services, and how it stops.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::Floats;
using calipers::testing::kInput;
using calipers::testing::ObserveCall;
using calipers::testing::RawCall;
using calipers::testing::RawUnary;
using calipers::testing::StatusIs;
using calipers::testing::Tensor;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kDrain{10};

class LifecycleTest : public calipers::testing::ServerTest {
 protected:
  static Config TightConfig() {
    Config config = DefaultConfig();
    config.drain_seconds = static_cast<int>(kDrain.count());
    config.max_streams = 3;
    config.max_sessions = 4;
    config.max_store_bytes = 1 << 16;
    return config;
  }
  LifecycleTest() : ServerTest(TightConfig()) { EXPECT_OK(Create("m/input")); }

  std::unique_ptr<ObserveCall> OpenStream() { return std::make_unique<ObserveCall>(stub_); }

  // A stream that the server knows: its first observation is acknowledged.
  std::unique_ptr<ObserveCall> LiveStream(std::int64_t index) {
    auto call = OpenStream();
    EXPECT_TRUE(call->Send(Tensor(kInput, index, {1})));
    EXPECT_EQ(call->NextAck().index(), index);
    return call;
  }

  // A query that waits for more records than will arrive.
  class Wait {
   public:
    explicit Wait(v1::Calibration::Stub& stub) {
      context_.set_deadline(std::chrono::system_clock::now() + calipers::testing::kBound);
      request_.set_name(kInput);
      request_.set_wait_count(1000);
      stub.async()->GetMinMax(&context_, &request_, &response_, [this](const grpc::Status& status) {
        end_.set_value(calipers::testing::FromGrpc(status));
      });
    }
    absl::Status End() { return end_.get_future().get(); }

   private:
    grpc::ClientContext context_;
    v1::GetMinMaxRequest request_;
    v1::MinMax response_;
    std::promise<absl::Status> end_;
  };

  // The header and the first bytes of a tensor of three floats.
  static v1::ObserveRequest Unfinished(std::int64_t index) {
    v1::ObserveRequest request = Tensor(kInput, index, {1, 2, 3});
    request.mutable_data()->resize(5);
    return request;
  }
  static v1::ObserveRequest Rest() {
    v1::ObserveRequest request;
    request.set_data(Floats({1, 2, 3}).substr(5));
    return request;
  }
};

TEST_F(LifecycleTest, HealthIsServed) {
  // HealthCheckRequest { service = 1 }, HealthCheckResponse { status = 1 }: SERVING is 1.
  const std::string serving = "\x08\x01";
  EXPECT_EQ(*RawUnary(channel_, "/grpc.health.v1.Health/Check", ""), serving);
  const std::string service = "calipers.v1.Calibration";
  const std::string request = "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
  EXPECT_EQ(*RawUnary(channel_, "/grpc.health.v1.Health/Check", request), serving);
  EXPECT_EQ(RawUnary(channel_, "/grpc.health.v1.Health/Check", "\x0a\x01x").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(LifecycleTest, ReflectionNamesTheServices) {
  RawCall call(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
  // ServerReflectionRequest { list_services = 7 }, { file_containing_symbol = 4 }
  ASSERT_TRUE(call.SendBytes("\x3a\x01*"));
  EXPECT_THAT(call.ReadBytes(),
              AllOf(HasSubstr("calipers.v1.Calibration"), HasSubstr("grpc.health.v1.Health")));
  const std::string symbol = "calipers.v1.Calibration";
  ASSERT_TRUE(call.SendBytes("\x22" + std::string(1, static_cast<char>(symbol.size())) + symbol));
  EXPECT_THAT(call.ReadBytes(), HasSubstr("WatchSessions"));
}

TEST_F(LifecycleTest, TheInProcessChannelServesTheSame) {
  v1::Calibration::Stub in_process(server_->InProcessChannel());
  ObserveCall call(in_process);
  ASSERT_TRUE(call.Send(Tensor(kInput, 0, {4})));
  EXPECT_EQ(call.NextAck().outcome(), v1::ObservationAck::OUTCOME_STORED);
  EXPECT_EQ(CountOf(kInput), 1);
}

TEST_F(LifecycleTest, AddressThatIsTakenIsUnavailable) {
  Config config = DefaultConfig();
  config.listen = absl::StrCat("127.0.0.1:", server_->port());
  EXPECT_THAT(Server::Start(config).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(config.listen)));
  config.listen = "not an address";
  EXPECT_THAT(Server::Start(config).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not an address")));
}

TEST_F(LifecycleTest, TooManyStreamsAreRefusedUntilOneEnds) {
  std::vector<std::unique_ptr<ObserveCall>> streams;
  for (std::int64_t i = 0; i < 3; ++i) streams.push_back(LiveStream(i));
  const auto refused = OpenStream();
  EXPECT_TRUE(refused->RemainingAcks().empty());
  EXPECT_THAT(refused->Finish(),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("3 Observe streams are open"), HasSubstr("--max-streams"))));
  // The open streams are not affected.
  ASSERT_TRUE(streams[0]->Send(Tensor(kInput, 10, {1})));
  EXPECT_EQ(streams[0]->NextAck().outcome(), v1::ObservationAck::OUTCOME_STORED);
  streams.pop_back();
  // The place is free after the server has seen the end of the stream. The client sees it earlier.
  const Clock::time_point bound = Clock::now() + calipers::testing::kBound;
  bool opened = false;
  while (!opened && Clock::now() < bound) {
    const auto again = OpenStream();
    again->Send(Tensor(kInput, 11, {1}));
    again->HalfClose();
    opened = !again->RemainingAcks().empty();
  }
  EXPECT_TRUE(opened);
}

TEST_F(LifecycleTest, FullStoreRefusesRecordsAndKeepsAnswering) {
  ObserveCall call(stub_);
  std::int64_t stored = 0;
  v1::ObservationAck ack;
  for (std::int64_t i = 0; i < 5000; ++i) {
    ASSERT_TRUE(call.Send(Tensor(kInput, i, {1})));
    ack = call.NextAck();
    if (ack.outcome() != v1::ObservationAck::OUTCOME_STORED) break;
    ++stored;
  }
  EXPECT_EQ(ack.status().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(ack.status().message(), HasSubstr("--max-store-bytes"));
  EXPECT_EQ(GetMinMax(kInput)->progress().count(), stored);
  v1::ResetSessionRequest reset;
  reset.set_name(kInput);
  ASSERT_OK(Call(&v1::Calibration::Stub::ResetSession, reset));
  EXPECT_EQ(Observe(kInput, 0, {1}).outcome(), v1::ObservationAck::OUTCOME_STORED);
}

TEST_F(LifecycleTest, TooManySessionsAreRefused) {
  for (int i = 0; i < 3; ++i) ASSERT_OK(Create(absl::StrCat("n", i, "/input")));
  EXPECT_THAT(Create("o/input"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("--max-sessions")));
}

// No part of this test may take the whole drain time: idle streams end at once.
TEST_F(LifecycleTest, StopEndsIdleStreamsAndFinishesTensorsInFlight) {
  const auto idle = LiveStream(0);
  const auto busy = LiveStream(1);
  const auto other_busy = LiveStream(2);
  ASSERT_TRUE(busy->Send(Unfinished(3)));
  ASSERT_TRUE(other_busy->Send(Unfinished(4)));
  // Both tensors must have begun before the stop. The sent messages may not have arrived yet, but
  // the query on the same connection arrives after them.
  ASSERT_OK(GetMinMax(kInput));
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(); });
  const Clock::time_point start = Clock::now();
  EXPECT_TRUE(idle->RemainingAcks().empty());
  EXPECT_THAT(idle->Finish(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  for (const auto& [stream, index] : {std::pair(busy.get(), 3), std::pair(other_busy.get(), 4)}) {
    EXPECT_TRUE(stream->Send(Rest()));
    const std::vector<v1::ObservationAck> acks = stream->RemainingAcks();
    ASSERT_EQ(acks.size(), 1U);
    EXPECT_EQ(acks[0].outcome(), v1::ObservationAck::OUTCOME_STORED);
    EXPECT_EQ(acks[0].index(), index);
    EXPECT_THAT(stream->Finish(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  }
  stopped.get();
  EXPECT_LT(Clock::now() - start, kDrain / 2);
  EXPECT_EQ(GetMinMax(kInput).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(LifecycleTest, StopWithNothingToDoIsQuick) {
  const auto idle = LiveStream(0);
  const Clock::time_point start = Clock::now();
  server_->Stop();
  EXPECT_LT(Clock::now() - start, kDrain / 2);
  server_.reset();
}

TEST_F(LifecycleTest, StopEndsWaits) {
  Wait waiting(stub_);
  ASSERT_EQ(CountOf(kInput), 0);  // arrives after the wait on the same connection
  const Clock::time_point start = Clock::now();
  server_->Stop();
  EXPECT_THAT(waiting.End(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  EXPECT_LT(Clock::now() - start, kDrain / 2);
}

class ShortDrainTest : public LifecycleTest {
 protected:
  ShortDrainTest() {
    Config config = DefaultConfig();
    config.drain_seconds = 0;
    server_ = *Server::Start(config);
    channel_ = NewChannel();
  }
};

// A worker that stalls within a tensor delays the server only up to the drain limit.
TEST_F(ShortDrainTest, StalledTensorIsCutOffAtTheDeadline) {
  v1::Calibration::Stub stub(channel_);
  v1::CreateSessionRequest request;
  request.set_parent("runs/r");
  request.set_session_id("m/input");
  grpc::ClientContext context;
  v1::Session session;
  ASSERT_TRUE(stub.CreateSession(&context, request, &session).ok());
  ObserveCall call(stub);
  ASSERT_TRUE(call.Send(Tensor(kInput, 0, {1})));
  EXPECT_EQ(call.NextAck().index(), 0);
  ASSERT_TRUE(call.Send(Unfinished(1)));
  const Clock::time_point start = Clock::now();
  server_->Stop();
  EXPECT_LT(Clock::now() - start, kDrain / 2);
  call.RemainingAcks();
  EXPECT_FALSE(call.Finish().ok());
}

// The same as when a process with open calls is told to stop.
TEST_F(LifecycleTest, DestroyingAServerThatServesEndsItsCalls) {
  const auto stream = LiveStream(0);
  ASSERT_TRUE(stream->Send(Unfinished(1)));
  Wait waiting(stub_);
  ASSERT_EQ(CountOf(kInput), 1);
  server_.reset();
  EXPECT_TRUE(stream->RemainingAcks().empty());
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_FALSE(waiting.End().ok());
}

}  // namespace
}  // namespace calipers::server
