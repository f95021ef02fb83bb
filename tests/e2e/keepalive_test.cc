#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "client/library/client.h"
#include "tests/support/server_fixture.h"

namespace calipers {
namespace {

class KeepaliveTest : public testing::ServerTest {};

// gRPC's own limits have a server hang up at the fourth sign of life that is asked
// for without a word from it in between.
TEST_F(KeepaliveTest, AnIdleWatchOutlivesManySignsOfLife) {
  const auto client = client::Client::Connect(
      "127.0.0.1:" + std::to_string(server_->port()),
      {.timeout = absl::Seconds(10), .keepalive_time = absl::Milliseconds(5100)});
  ASSERT_OK(client);
  std::thread creates([this] {
    absl::SleepFor(absl::Seconds(27));
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
