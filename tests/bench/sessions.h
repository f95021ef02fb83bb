#ifndef CALIPERS_TESTS_BENCH_SESSIONS_H_
#define CALIPERS_TESTS_BENCH_SESSIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "grpcpp/support/byte_buffer.h"
#include "tests/bench/raw_client.h"

namespace calipers::bench {

/// Sessions of a model as large as Llama: an input and a weight of each linear layer.
inline constexpr std::int64_t kLlamaSessions = 448;

/// The id of session `number` in a run of many sessions, counted from 0.
std::string SessionId(std::int64_t number);
/// The full name, with the run.
std::string SessionFullName(std::int64_t number);

/// Seconds to create the first `count` sessions, one call for each, 64 in flight at a time.
double CreateSessions(RawClient& client, std::int64_t count);

/// The share of one of `workers` in a calibration of the first `sessions`: `records` records of one
/// float pair, `records_a_message` in each message. Batches go to the workers in turn. The share
/// has the records of a batch for all sessions, one after another.
struct WorkerShare {
  std::int64_t sessions = 1;
  std::int64_t records = 1;
  int records_a_message = 448;
  int worker = 0;
  int workers = 1;
};
std::vector<grpc::ByteBuffer> ShareMessages(const WorkerShare& share);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_SESSIONS_H_
