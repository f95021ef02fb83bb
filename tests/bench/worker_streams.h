#ifndef CALIPERS_TESTS_BENCH_WORKER_STREAMS_H_
#define CALIPERS_TESTS_BENCH_WORKER_STREAMS_H_

#include <cstddef>
#include <string>

namespace calipers::bench {

/// The tensors that workers send with the client library.
struct WorkerLoad {
  int streams = 1;
  std::size_t piece_bytes = std::size_t{1} << 20;
  std::size_t tensor_bytes = std::size_t{64} << 20;
  int tensors = 4;  // per stream
};

/// Seconds until all tensors are acknowledged. The tensors are for kSession, which must exist, from
/// index 0 on. Each stream has its own connection and thread. Ends the program if a tensor is
/// refused.
double WorkerStreams(const std::string& target, const WorkerLoad& load);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_WORKER_STREAMS_H_
