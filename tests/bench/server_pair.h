#ifndef CALIPERS_TESTS_BENCH_SERVER_PAIR_H_
#define CALIPERS_TESTS_BENCH_SERVER_PAIR_H_

#include <sched.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/support/byte_buffer.h"
#include "tests/bench/calipers_server.h"
#include "tests/bench/child.h"
#include "tests/bench/raw_client.h"

namespace calipers::bench {

/// calipers-server with a memory store, and the raw server, each in a separate process.
class ServerPair {
 public:
  /// With `pinned`, both servers run on one processor. The calling thread, which is to be the
  /// client, runs on another processor as long as the pair exists.
  explicit ServerPair(const Programs& programs, bool pinned = false);
  ~ServerPair();
  ServerPair(const ServerPair&) = delete;
  ServerPair& operator=(const ServerPair&) = delete;

  const Child& calipers_child() const { return calipers_.child(); }
  const Child& raw_child() const { return raw_child_; }
  RawClient& calipers() { return calipers_.client(); }
  RawClient& raw() { return raw_; }

  /// Makes kSession an empty session, in a run without other sessions.
  void Fresh() { calipers_.Fresh(); }

 private:
  const cpu_set_t processors_;  // of the calling thread, to be restored
  CalipersServer calipers_;
  const Child raw_child_;
  RawClient raw_;
};

/// Seconds until all streams have ended. Each stream has its own connection and thread, and sends
/// its element of `messages`.
double ParallelStreams(const std::string& target, const std::string& method,
                       std::vector<std::vector<grpc::ByteBuffer>>& messages, int answer_every);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_SERVER_PAIR_H_
