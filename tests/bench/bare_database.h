#ifndef CALIPERS_TESTS_BENCH_BARE_DATABASE_H_
#define CALIPERS_TESTS_BENCH_BARE_DATABASE_H_

#include <string>

namespace calipers::bench {

// Access to the RocksDB of a data directory without its server. No server may have it open.

/// Seconds to open the database as the server does and to read the rows of its sessions: the
/// minimum time of a server start.
double OpenAndReadSessions(const std::string& data_directory);

/// Merges all tables into the first compressed level.
void Compact(const std::string& data_directory);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_BARE_DATABASE_H_
