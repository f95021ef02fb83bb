#ifndef CALIPERS_TESTS_BENCH_WORKER_STREAMS_H_
#define CALIPERS_TESTS_BENCH_WORKER_STREAMS_H_

#include <cstddef>
#include <string>

namespace calipers::bench {

/// What workers send with the client library.
struct WorkerLoad {
  int streams = 1;
  std::size_t piece_bytes = std::size_t{1} << 20;
  std::size_t tensor_bytes = std::size_t{64} << 20;
  int tensors = 4;  // a stream
};

/// Seconds until all is acknowledged: tensors for kSession, which must be there, from index
/// 0 on, each stream with its own connection and thread. Ends the program if one is refused.
double WorkerStreams(const std::string& target, const WorkerLoad& load);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_WORKER_STREAMS_H_
