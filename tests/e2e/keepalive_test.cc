#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/library/client.h"
#include "server/config.h"
#include "tests/support/server_fixture.h"

namespace calipers {
namespace {

// gRPC's client sends at most one keepalive ping a second. By default, gRPC's server disconnects a
// client at the third ping without a message in between.
constexpr absl::Duration kKeepalive = absl::Milliseconds(1100);
constexpr int kKeepaliveTimes = 5;

class KeepaliveTest : public testing::ServerTest {
 protected:
  static server::Config FrequentPings() {
    server::Config config = DefaultConfig();
    config.shortest_ping_interval_ms = 900;
    return config;
  }

  KeepaliveTest() : ServerTest(FrequentPings()) {}
};

TEST_F(KeepaliveTest, IdleWatchSurvivesManyKeepalivePings) {
  const auto client =
      client::Client::Connect("127.0.0.1:" + std::to_string(server_->port()),
                              {.timeout = absl::Seconds(10), .keepalive_time = kKeepalive});
  ASSERT_OK(client);
  std::thread creates([this] {
    absl::SleepFor(kKeepaliveTimes * kKeepalive);
    EXPECT_OK(Create("late/input"));
  });
  std::string seen;
  EXPECT_OK((*client)->WatchSessions("runs/r", "", [&seen](const v1::SessionEvent& event) {
    seen = event.session().name();
    return seen.empty();
  }));
  creates.join();
  EXPECT_EQ(seen, "runs/r/sessions/late/input");
}

}  // namespace
}  // namespace calipers
