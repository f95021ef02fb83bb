#include "server/config.h"

#include <CLI/CLI.hpp>
#include <map>

namespace calipers::server {
namespace {

constexpr char kFooter[] = R"(Bytes may be given with a unit: 512MiB, 4GiB.

Examples:
  calipers-server
  calipers-server --listen 0.0.0.0:50051 --data-dir /var/lib/calipers
  calipers-server --data-dir new --restore-from /var/lib/calipers/backups/friday
  calipers-server --store memory --max-store-bytes 16GiB
  calipers-server --listen 127.0.0.1:0 --port-file /tmp/port
  calipers-server --config /etc/calipers/server.toml

A config file holds the long names of the flags:
  listen = "0.0.0.0:50051"
  max-streams = 512

SIGTERM and SIGINT stop it: no new calls are taken, observations in flight are
finished and acknowledged, and it exits with 0.
Exit status: 0 stopped as asked, 1 could not start, 2 bad flags or config file.)";

// A flag that takes one of these names. CLI11's own transformers show and take the enum's
// numbers, too.
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
  AddChoice<StoreKind>(
      app, "--store", {{"embedded", StoreKind::kEmbedded}, {"memory", StoreKind::kMemory}},
      "embedded keeps everything in --data-dir; memory forgets it when it stops", config.store)
      ->default_str("embedded");
  app.add_option("--data-dir", config.data_dir,
                 "Directory of the embedded store, made if it is not there; one server at a time")
      ->capture_default_str();
  AddChoice<Durability>(
      app, "--durability",
      {{"sync", Durability::kSync}, {"os", Durability::kOs}, {"none", Durability::kNone}},
      "What an acknowledged observation survives: sync a loss of power, os the end of the process, "
      "none neither (docs/durability.md)",
      config.durability)
      ->default_str("sync");
  app.add_option("--cache-bytes", config.cache_bytes,
                 "Memory for what the embedded store read from disk")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(std::uint64_t{1} << 20, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option("--fold-cache-bytes", config.fold_cache_bytes,
                 "Memory for folds of sessions that were asked before; the others fold again, from "
                 "their last checkpoint")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option("--restore-from", config.restore_from,
                 "Begin from this backup (calipers backup): copy it into --data-dir, which must "
                 "be empty or not there, check it, and serve");
}

void AddLimits(CLI::App& app, Config& config) {
  const CLI::AsSizeValue bytes(/*kb_is_1000=*/false);
  app.add_option("--max-message-bytes", config.max_message_bytes,
                 "Largest message taken from a client")
      ->transform(bytes)
      ->check(CLI::Range(std::uint64_t{64} << 10, std::uint64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--max-inflight-bytes", config.max_inflight_bytes,
                 "Memory for observations that are being reduced, and for messages on their way; "
                 "beyond it observations are refused with RESOURCE_EXHAUSTED")
      ->transform(bytes)
      ->check(CLI::Range(std::uint64_t{1} << 20, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option(
         "--max-store-bytes", config.max_store_bytes,
         "Memory for the records of all sessions with --store memory; beyond it observations "
         "are refused with RESOURCE_EXHAUSTED")
      ->transform(bytes)
      ->check(CLI::Range(std::uint64_t{1} << 16, std::uint64_t{1} << 46))
      ->capture_default_str();
  app.add_option("--max-streams", config.max_streams, "Observe streams open at once")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--max-calls", config.max_calls,
                 "Threads for queries, waits and watches, one each; further ones are refused with "
                 "RESOURCE_EXHAUSTED")
      ->check(CLI::Range(8, 10'000))
      ->capture_default_str();
  app.add_option("--max-sessions", config.max_sessions, "Sessions of all runs")
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
  // An image's entry point gives flags that its user may want to give again.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--listen", config.listen,
                 "HOST:PORT to serve on; port 0 takes a free one. There is no authentication: "
                 "listen beyond loopback only in a network you trust")
      ->capture_default_str();
  app.add_option("--port-file", config.port_file,
                 "Write the port to this file once it is being served");
  AddStore(app, config);
  AddLimits(app, config);
  app.add_option("--drain-seconds", config.drain_seconds,
                 "How long observations in flight may take to finish on SIGTERM")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_option("--log-level", config.log_level, "Least level that is logged, to stderr")
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
                                 "copies into --data-dir, of which --store memory knows nothing");
    }
  } catch (const CLI::ParseError& error) {
    // CLI11 reports by exception; it ends here. Help and version are 0.
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  return config;
}

}  // namespace calipers::server
