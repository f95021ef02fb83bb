#ifndef CALIPERS_TESTS_BENCH_CALIPERS_SERVER_H_
#define CALIPERS_TESTS_BENCH_CALIPERS_SERVER_H_

#include <string>
#include <vector>

#include "tests/bench/child.h"
#include "tests/bench/raw_client.h"

namespace calipers::bench {

/// How to start the servers.
struct Programs {
  std::string calipers_server;
  std::string self;  // this program, which is the raw server too
};

/// calipers-server on loopback, a process of its own, and a client of it.
class CalipersServer {
 public:
  using Flags = std::vector<std::string>;
  /// Keeps nothing.
  static Flags InMemory() { return {"--store", "memory"}; }
  /// Keeps everything in `directory`; `durability` as the flag takes it.
  static Flags Durable(const std::string& directory, const std::string& durability);

  /// `store`: one of the above. On processor `cpu` alone if that is not negative.
  CalipersServer(const Programs& programs, const Flags& store, int cpu = -1);

  const Child& child() const { return child_; }
  const std::string& target() const { return child_.target(); }
  RawClient& client() { return client_; }

  /// Leaves kSession empty, in a run of its own.
  void Fresh();
  /// Waits until it has nothing more to do in the background, a minute at most.
  void Settle() const;
  /// Stops it as an operator would.
  void Stop() { child_.Stop(); }
  /// SIGKILL.
  void Kill() { child_.Kill(); }

 private:
  Child child_;
  RawClient client_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_CALIPERS_SERVER_H_
