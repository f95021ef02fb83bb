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

/// calipers-server, which keeps nothing, and the raw server, each a process of its own.
class ServerPair {
 public:
  /// `pinned`: both on one processor, and the calling thread, which is to be the client,
  /// on another, as long as the pair lives.
  explicit ServerPair(const Programs& programs, bool pinned = false);
  ~ServerPair();
  ServerPair(const ServerPair&) = delete;
  ServerPair& operator=(const ServerPair&) = delete;

  const Child& calipers_child() const { return calipers_.child(); }
  const Child& raw_child() const { return raw_child_; }
  RawClient& calipers() { return calipers_.client(); }
  RawClient& raw() { return raw_; }

  /// Leaves kSession empty, in a run of its own.
  void Fresh() { calipers_.Fresh(); }

 private:
  const cpu_set_t processors_;  // The thread's, to be given back.
  CalipersServer calipers_;
  const Child raw_child_;
  RawClient raw_;
};

/// Seconds until all streams are through, each with its own connection and thread.
/// Messages of one stream are those at its place in `messages`.
double ParallelStreams(const std::string& target, const std::string& method,
                       std::vector<std::vector<grpc::ByteBuffer>>& messages, int answer_every);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_SERVER_PAIR_H_
