#ifndef CALIPERS_TESTS_BENCH_BARE_DATABASE_H_
#define CALIPERS_TESTS_BENCH_BARE_DATABASE_H_

#include <string>

namespace calipers::bench {

// The RocksDB of a data directory without its server, which must not have it open.

/// Seconds to open it as the server does and to go through the rows of its sessions: the
/// least that a start comes to.
double OpenAndReadSessions(const std::string& data_directory);

/// Merges every table into the first level that is compressed.
void Compact(const std::string& data_directory);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_BARE_DATABASE_H_
