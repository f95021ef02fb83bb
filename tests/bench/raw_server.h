#ifndef CALIPERS_TESTS_BENCH_RAW_SERVER_H_
#define CALIPERS_TESTS_BENCH_RAW_SERVER_H_

#include <string>

namespace calipers::bench {

/// Metadata of a call: after how many messages the server answers with one.
inline constexpr char kAnswerEvery[] = "answer-every";

/// Serves, on a free loopback port until it is killed, what the transport alone
/// can do. /raw/Discard drops each message, /raw/Sum adds up its bytes; both answer
/// with a few bytes every kAnswerEvery messages. /raw/Echo answers each with itself.
/// Writes the port to `port_file`. Returns only if it cannot serve.
int ServeRaw(const std::string& port_file);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_RAW_SERVER_H_
