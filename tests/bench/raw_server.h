#ifndef CALIPERS_TESTS_BENCH_RAW_SERVER_H_
#define CALIPERS_TESTS_BENCH_RAW_SERVER_H_

#include <string>

namespace calipers::bench {

/// Metadata of a call: the number of messages for each answer of the server.
inline constexpr char kAnswerEvery[] = "answer-every";

/// Shows the speed of the transport alone. Serves on a free loopback port until it is killed.
/// /raw/Discard drops each message, /raw/Load loads its bytes, and /raw/Parse parses its records
/// and acknowledges them. These three answer once for every kAnswerEvery messages. /raw/Echo
/// answers a message with the same bytes. Writes the port to `port_file`. Returns only if it cannot
/// serve.
int ServeRaw(const std::string& port_file);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_RAW_SERVER_H_
