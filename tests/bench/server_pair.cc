#include "tests/bench/server_pair.h"

#include <sched.h>

#include <chrono>

#include "absl/synchronization/barrier.h"
#include "tests/bench/fail.h"

namespace calipers::bench {
namespace {

constexpr int kServerCpu = 0;
constexpr unsigned kClientCpu = 1;

cpu_set_t Processors() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) Fail("cannot tell the processors");
  return cpus;
}

void RunOn(const cpu_set_t& cpus) {
  if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) Fail("cannot choose a processor");
}

cpu_set_t Only(unsigned cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  return cpus;
}

}  // namespace

ServerPair::ServerPair(const Programs& programs, bool pinned)
    : processors_(Processors()),
      calipers_(programs, CalipersServer::InMemory(), pinned ? kServerCpu : -1),
      raw_child_({programs.self, "--serve-raw"}, pinned ? kServerCpu : -1),
      raw_(raw_child_.target()) {
  if (pinned) RunOn(Only(kClientCpu));
}

ServerPair::~ServerPair() { RunOn(processors_); }

double ParallelStreams(const std::string& target, const std::string& method,
                       std::vector<std::vector<grpc::ByteBuffer>>& messages, int answer_every) {
  const auto streams = static_cast<int>(messages.size());
  // The last thread to pass deletes the barrier.
  auto* const all_connected = new absl::Barrier(streams + 1);
  std::vector<std::thread> threads;
  for (auto& of_stream : messages) {
    threads.emplace_back([&, all_connected] {
      RawClient client(target);
      client.Connect();
      if (all_connected->Block()) delete all_connected;
      client.Stream(method, of_stream, answer_every);
    });
  }
  // Before the streams start, because the first ones could otherwise send before it.
  const auto begin = std::chrono::steady_clock::now();
  if (all_connected->Block()) delete all_connected;
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace calipers::bench
