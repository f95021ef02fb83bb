#ifndef CALIPERS_SERVER_CONFIG_H_
#define CALIPERS_SERVER_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "server/model/durability.h"

namespace calipers::server {

enum class StoreKind { kRocksdb, kMemory };

/// The settings of calipers-server.
struct Config {
  std::string listen = "127.0.0.1:50051";
  std::string port_file;
  std::uint64_t max_message_bytes = std::uint64_t{16} << 20;
  std::uint64_t max_inflight_bytes = std::uint64_t{1} << 30;
  StoreKind store = StoreKind::kRocksdb;
  std::string data_dir = "calipers-data";
  Durability durability = Durability::kSync;
  std::uint64_t cache_bytes = std::uint64_t{256} << 20;
  std::uint64_t fold_cache_bytes = std::uint64_t{1} << 30;
  /// The directory of the backup to start from. Empty: start without a backup.
  std::string restore_from;
  std::uint64_t max_store_bytes = std::uint64_t{4} << 30;
  std::size_t max_streams = 128;
  std::size_t max_calls = 256;
  std::size_t max_sessions = 2'000'000;
  int drain_seconds = 20;
  /// The shortest interval between keepalive pings, in milliseconds. Clients that ping more often
  /// are disconnected. No flag sets it.
  int shortest_ping_interval_ms = 5000;
  std::string log_level = "info";
  std::string log_format = "text";
};

/// Reads the command line and the file that --config names; a flag on the command line
/// overrides the file. For help, the version or an error it prints the text, sets
/// `exit_status` and returns nullopt.
std::optional<Config> ParseCommandLine(int argc, char** argv, int& exit_status);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_CONFIG_H_
