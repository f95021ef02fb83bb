#ifndef CALIPERS_TESTS_BENCH_CALIPERS_SERVER_H_
#define CALIPERS_TESTS_BENCH_CALIPERS_SERVER_H_

#include <string>
#include <vector>

#include "tests/bench/child.h"
#include "tests/bench/raw_client.h"

namespace calipers::bench {

/// The programs of the servers.
struct Programs {
  std::string calipers_server;
  std::string self;  // this program, which also contains the raw server
};

/// calipers-server on loopback in a separate process, and a client for it.
class CalipersServer {
 public:
  using Flags = std::vector<std::string>;
  /// Stores everything in memory only.
  static Flags InMemory() { return {"--store", "memory"}; }
  /// Stores everything in `directory`; `durability` is the value of the flag.
  static Flags Durable(const std::string& directory, const std::string& durability);

  /// `store` is one of the flags above. If `cpu` is not negative, the server runs only on this
  /// processor.
  CalipersServer(const Programs& programs, const Flags& store, int cpu = -1);

  const Child& child() const { return child_; }
  const std::string& target() const { return child_.target(); }
  RawClient& client() { return client_; }

  /// Makes kSession an empty session, in a run without other sessions.
  void Fresh();
  /// Waits until the server has no background work left, at most a minute.
  void Settle() const;
  /// Stops the server as an operator would.
  void Stop() { child_.Stop(); }
  /// Ends the server with SIGKILL.
  void Kill() { child_.Kill(); }

 private:
  Child child_;
  RawClient client_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_CALIPERS_SERVER_H_
