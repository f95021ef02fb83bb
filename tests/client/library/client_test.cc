#include "client/library/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/library/observation_stream.h"
#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Gives answers for at most `room` sessions in a call. The server has a limit in bytes instead.
class FullCalibration final : public v1::Calibration::Service {
 public:
  int room = 0;
  std::set<std::string> never;  // names that never fit, even alone
  std::vector<int> asked;       // number of names in each call
  std::vector<std::string> members;

  grpc::Status BatchGetMinMax(grpc::ServerContext* /*context*/,
                              const v1::BatchGetMinMaxRequest* request,
                              v1::BatchGetMinMaxResponse* response) override {
    asked.push_back(request->names_size());
    members.assign(request->read_mask().paths().begin(), request->read_mask().paths().end());
    int given = 0;
    for (const std::string& name : request->names()) {
      v1::BatchGetMinMaxResponse::Result* result = response->add_results();
      if (never.contains(name) || given == room) {
        result->mutable_status()->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
      } else {
        result->mutable_min_max()->set_session(name);
        ++given;
      }
    }
    return grpc::Status::OK;
  }
};

// The same for qparams.
class FullQParams final : public v1::Calibration::Service {
 public:
  int room = 0;
  std::vector<int> asked;

  grpc::Status BatchGetQParams(grpc::ServerContext* /*context*/,
                               const v1::BatchGetQParamsRequest* request,
                               v1::BatchGetQParamsResponse* response) override {
    asked.push_back(request->names_size());
    for (int i = 0; i < request->names_size(); ++i) {
      for (const v1::QParamsSpec& spec : request->specs()) {
        v1::QParamsResult* result = response->add_results();
        if (response->results_size() > room) {
          result->mutable_status()->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
        } else {
          result->mutable_qparams()->set_session(absl::StrCat(request->names(i), spec.scheme()));
        }
      }
    }
    return grpc::Status::OK;
  }
};

class BatchTest : public ::testing::Test {
 protected:
  BatchTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    client_ = std::make_unique<Client>(server_->InProcessChannel({}), ClientOptions());
  }

  static std::vector<std::string> Names(int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(absl::StrCat("s", i));
    return names;
  }

  FullCalibration service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(BatchTest, SessionsWithoutRoomAreRequestedAgain) {
  service_.room = 300;
  const std::vector<std::string> names = Names(1100);
  const auto results = client_->BatchGetMinMax("runs/r", names, 0, {"global", "progress"});
  ASSERT_OK(results);
  ASSERT_EQ(results->size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ((*results)[i].min_max().session(), names[i]);
  }
  EXPECT_THAT(service_.asked, ElementsAre(1000, 100, 700, 400, 100));
  EXPECT_THAT(service_.members, ElementsAre("global", "progress"));
}

TEST_F(BatchTest, RoundWithoutAnAnswerIsTheLast) {
  service_.room = 4;
  service_.never = {"s1", "s2"};
  const auto results = client_->BatchGetMinMax("runs/r", Names(7));
  ASSERT_OK(results);
  EXPECT_THAT(service_.asked, ElementsAre(7, 3, 2));
  EXPECT_EQ((*results)[1].status().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE((*results)[6].has_min_max());
}

class QParamsBatchTest : public ::testing::Test {
 protected:
  QParamsBatchTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    client_ = std::make_unique<Client>(server_->InProcessChannel({}), ClientOptions());
    for (int i = 0; i < 1100; ++i) names_.push_back(absl::StrCat("s", i, " "));
    for (const char* const scheme : {"W8A8", "FP8", "NVFP4"})
      request_.add_specs()->set_scheme(scheme);
  }

  FullQParams service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
  std::vector<std::string> names_;
  v1::BatchGetQParamsRequest request_;
};

TEST_F(QParamsBatchTest, SessionsWithoutRoomAreRequestedAgain) {
  // The answer has room for two of the last session's three results.
  service_.room = 3 * 600 + 2;
  const auto results = client_->BatchGetQParams(request_, names_);
  ASSERT_OK(results);
  ASSERT_EQ(results->size(), 3 * names_.size());
  for (std::size_t i = 0; i < results->size(); ++i) {
    EXPECT_EQ((*results)[i].qparams().session(),
              absl::StrCat(names_[i / 3], request_.specs(static_cast<int>(i % 3)).scheme()));
  }
  EXPECT_THAT(service_.asked, ElementsAre(1000, 500));
}

TEST_F(QParamsBatchTest, SessionTooLargeForAnyAnswerGetsAnError) {
  names_.resize(3);
  const auto results = client_->BatchGetQParams(request_, names_);
  ASSERT_OK(results);
  EXPECT_EQ(results->size(), 9U);
  for (const v1::QParamsResult& result : *results) {
    EXPECT_EQ(result.status().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  EXPECT_THAT(service_.asked, ElementsAre(3, 2, 1));
}

// A server that freezes once a client is connected: it accepts connections and sends the first
// frame of HTTP/2, then nothing more.
class FrozenServer {
 public:
  FrozenServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Accept(); });
  }
  ~FrozenServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int connection : connections_) close(connection);
    close(listener_);
  }
  FrozenServer(const FrozenServer&) = delete;
  FrozenServer& operator=(const FrozenServer&) = delete;

  std::string target() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  void Accept() {
    static constexpr unsigned char kEmptySettings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    for (int connection = 0; (connection = accept(listener_, nullptr, nullptr)) >= 0;) {
      connections_.push_back(connection);
      EXPECT_EQ(send(connection, kEmptySettings, sizeof(kEmptySettings), 0),
                ssize_t{sizeof(kEmptySettings)});
    }
  }

  const int listener_;
  int port_ = 0;
  std::vector<int> connections_;
  std::thread thread_;
};

// Much longer than the call takes, but much shorter than forever.
constexpr absl::Duration kBound = absl::Seconds(30);

class FrozenServerTest : public ::testing::Test {
 protected:
  FrozenServerTest() {
    auto client = Client::Connect(server_.target(), {.timeout = absl::Milliseconds(500),
                                                     .keepalive_time = absl::Milliseconds(200)});
    EXPECT_OK(client);
    client_ = *std::move(client);
  }

  FrozenServer server_;
  std::unique_ptr<Client> client_;
  const absl::Time start_ = absl::Now();
};

TEST_F(FrozenServerTest, WatchEnds) {
  EXPECT_THAT(client_->WatchSessions("runs/r", "", [](const auto&) { return true; }),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  EXPECT_LT(absl::Now() - start_, kBound);
}

TEST_F(FrozenServerTest, StreamGivesUpThoughItsPipeIsFull) {
  StreamOptions options;
  options.max_attempts = 2;
  options.backoff = absl::Milliseconds(1);
  ObservationStream stream(client_->NewChannel(), options, [](const auto&, const auto&) {});
  const std::string data(std::size_t{64} << 20, 'x');
  v1::ObservationHeader header;
  header.set_index(0);
  absl::Status status =
      stream.Observe(header, {reinterpret_cast<const std::byte*>(data.data()), data.size()});
  if (status.ok()) status = stream.Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("1 observations not acknowledged")));
  EXPECT_LT(absl::Now() - start_, kBound);
}

}  // namespace
}  // namespace calipers::client
