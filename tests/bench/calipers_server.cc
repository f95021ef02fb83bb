#include "tests/bench/calipers_server.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"

namespace calipers::bench {
namespace {

std::vector<std::string> Command(const Programs& programs, const CalipersServer::Flags& store) {
  std::vector<std::string> command = {
      programs.calipers_server, "--listen", "127.0.0.1:0",       "--log-level", "error",
      "--max-sessions",         "2000000",  "--max-store-bytes", "16G"};
  command.insert(command.end(), store.begin(), store.end());
  return command;
}

}  // namespace

CalipersServer::Flags CalipersServer::Durable(const std::string& directory,
                                              const std::string& durability) {
  return {"--data-dir", directory, "--durability", durability};
}

CalipersServer::CalipersServer(const Programs& programs, const Flags& store, int cpu)
    : child_(Command(programs, store), cpu), client_(child_.target()) {}

void CalipersServer::Settle() const {
  constexpr absl::Duration kWhile = absl::Milliseconds(100);
  // An idle server still takes a little processor time for its own checks.
  constexpr double kIdle = 0.02;
  for (int tries = 0; tries < 600; ++tries) {
    const double before = child_.processor_seconds();
    absl::SleepFor(kWhile);
    if (child_.processor_seconds() - before <= kIdle) return;
  }
  Fail("the server does not settle");
}

void CalipersServer::Fresh() {
  client_.Unary("/calipers.v1.Calibration/DeleteRun", DeleteRunRequest());
  client_.Unary("/calipers.v1.Calibration/CreateSession", CreateRequest("m/input"));
}

}  // namespace calipers::bench
