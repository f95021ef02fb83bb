#include "server/config.h"

#include <CLI/CLI.hpp>
#include <map>

namespace calipers::server {
namespace {

constexpr char kFooter[] = R"(Flags that take bytes accept a unit: 512MiB, 4GiB.

Examples:
  calipers-server
  calipers-server --listen 0.0.0.0:50051 --data-dir /var/lib/calipers
  calipers-server --data-dir new --restore-from /var/lib/calipers/backups/friday
  calipers-server --store memory --max-store-bytes 16GiB
  calipers-server --listen 127.0.0.1:0 --port-file /tmp/port
  calipers-server --config /etc/calipers/server.toml

A config file uses the long names of the flags:
  listen = "0.0.0.0:50051"
  max-streams = 512

SIGTERM and SIGINT stop the server: it accepts no new calls, finishes and
acknowledges the observations in flight, and exits with status 0.
Exit status: 0 stopped by a signal, 1 could not start, 2 bad flags or config file.)";

// Adds a flag that takes one of `choices` by name. CLI11's own transformers would also show and
// accept the enum's numbers.
template <typename Enum>
CLI::Option* AddChoice(CLI::App& app, const std::string& flag,
                       const std::map<std::string, Enum>& choices, const std::string& description,
                       Enum& chosen) {
  return app
      .add_option_function<std::string>(
          flag, [choices, &chosen](const std::string& name) { chosen = choices.at(name); },
          description)
      ->check(CLI::IsMember(choices));
}

void AddStore(CLI::App& app, Config& config) {
  // `embedded` is the old name of `rocksdb`: it is accepted, and help does not list it.
  AddChoice<StoreKind>(
      app, "--store", {{"rocksdb", StoreKind::kRocksdb}, {"memory", StoreKind::kMemory}},
      "rocksdb keeps all data in --data-dir; memory loses all data when the server stops",
      config.store)
      ->transform([](const std::string& name) { return name == "embedded" ? "rocksdb" : name; })
      ->default_str("rocksdb");
  app.add_option("--data-dir", config.data_dir,
                 "Directory of the RocksDB store, created if it does not exist. Only one server "
                 "can use it at a time")
      ->capture_default_str();
  AddChoice<Durability>(
      app, "--durability",
      {{"sync", Durability::kSync}, {"os", Durability::kOs}, {"none", Durability::kNone}},
      "The worst end of the server that an acknowledged observation survives. sync: a loss of "
      "power. os: a crash of the server alone. none: only a clean stop (docs/durability.md)",
      config.durability)
      ->default_str("sync");
  app.add_option("--cache-bytes", config.cache_bytes,
                 "Memory for data that the RocksDB store read from disk")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(std::uint64_t{1} << 20, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option("--fold-cache-bytes", config.fold_cache_bytes,
                 "Memory for cached folds of sessions. A session without a cached fold is folded "
                 "again from its last checkpoint")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option("--restore-from", config.restore_from,
                 "Start from a backup (see calipers backup): copy it into --data-dir, which must "
                 "be empty or not exist, check it, and serve");
}

void AddLimits(CLI::App& app, Config& config) {
  const CLI::AsSizeValue bytes(/*kb_is_1000=*/false);
  app.add_option("--max-message-bytes", config.max_message_bytes,
                 "Largest message that the server accepts from a client")
      ->transform(bytes)
      ->check(CLI::Range(std::uint64_t{64} << 10, std::uint64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--max-inflight-bytes", config.max_inflight_bytes,
                 "Memory for observations that are being reduced and for messages in flight. When "
                 "it is full, observations are refused with RESOURCE_EXHAUSTED")
      ->transform(bytes)
      ->check(CLI::Range(std::uint64_t{1} << 20, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option("--max-store-bytes", config.max_store_bytes,
                 "Memory for the records of all sessions with --store memory. When it is full, "
                 "observations are refused with RESOURCE_EXHAUSTED")
      ->transform(bytes)
      ->check(CLI::Range(std::uint64_t{1} << 16, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option("--max-streams", config.max_streams,
                 "Maximum number of Observe streams that are open at the same time")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--max-calls", config.max_calls,
                 "Maximum number of queries, waits and watches at the same time, each of which has "
                 "a thread. Further calls are refused with RESOURCE_EXHAUSTED")
      ->check(CLI::Range(8, 10'000))
      ->capture_default_str();
  app.add_option("--max-sessions", config.max_sessions,
                 "Maximum number of sessions, of all runs together")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
}

}  // namespace

std::optional<Config> ParseCommandLine(int argc, char** argv, int& exit_status) {
  Config config;
  CLI::App app("Calipers: a calibration service for quantization, over gRPC.", "calipers-server");
  app.set_version_flag("--version", CALIPERS_VERSION);
  app.set_config("--config", "", "Read flags from this TOML file");
  app.allow_config_extras(CLI::config_extras_mode::error);
  // A container image's entry point gives flags; its user can override them with later flags.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--listen", config.listen,
                 "HOST:PORT to serve on. Port 0 selects a free port. There is no authentication: "
                 "listen beyond loopback only in a network that you trust")
      ->capture_default_str();
  app.add_option("--port-file", config.port_file,
                 "Write the port number to this file when the server is ready");
  AddStore(app, config);
  AddLimits(app, config);
  app.add_option("--drain-seconds", config.drain_seconds,
                 "Seconds that observations in flight may take to finish after SIGTERM")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_option("--log-level", config.log_level, "Lowest level that is logged (to stderr)")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", config.log_format, "text for people, json for programs")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
    if (config.store == StoreKind::kMemory && !config.restore_from.empty()) {
      throw CLI::ValidationError("--restore-from",
                                 "cannot be combined with --store memory; use --store rocksdb");
    }
  } catch (const CLI::ParseError& error) {
    // CLI11 reports errors, help and version as exceptions. Help and version have status 0.
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  return config;
}

}  // namespace calipers::server
