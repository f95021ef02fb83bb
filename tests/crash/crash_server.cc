// A calipers-server for tests: its disk fails, and it is killed, at given points.

#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "server/base/log.h"
#include "server/config.h"
#include "server/server.h"
#include "server/storage/rocksdb/rocksdb_store.h"
#include "tests/crash/failing_store.h"
#include "tests/crash/failpoint.h"
#include "tests/crash/fault.h"
#include "tests/crash/faulty_file_system.h"
#include "tests/crash/forgetful_store.h"
#include "tests/crash/sync_journal.h"

namespace calipers::crash {
namespace {

struct Flags {
  std::string data_dir;
  std::string port_file;
  server::Durability durability = server::Durability::kSync;
  std::size_t cache_bytes = std::size_t{8} << 20;
  std::string kill_at;
  std::vector<std::string> faults;
  std::string fired;
  std::string journal;
  std::optional<std::uint64_t> cut_power;
  std::int64_t forget_every = 0;
};

std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_status) {
  Flags flags;
  CLI::App app("A calipers-server that fails as it is told to.", "crash_server");
  app.add_option("--data-dir", flags.data_dir, "As calipers-server's")->required();
  app.add_option("--port-file", flags.port_file, "As calipers-server's")->required();
  app.add_option("--durability", flags.durability, "As calipers-server's")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, server::Durability>{{"sync", server::Durability::kSync},
                                                    {"os", server::Durability::kOs},
                                                    {"none", server::Durability::kNone}}));
  app.add_option("--cache-bytes", flags.cache_bytes, "Memory for what is read again");
  app.add_option("--kill-at", flags.kill_at, "POINT:N: SIGKILL at the Nth pass of a point");
  app.add_option("--fail", flags.faults, "OPERATION:ERROR:FIRST:COUNT: a fault of the disk");
  app.add_option("--fired", flags.fired, "Where to write down each operation that failed so");
  app.add_option("--journal", flags.journal, "Where to write down what was synced");
  app.add_option("--cut-power", flags.cut_power,
                 "First drop what the life before had not synced, by this seed")
      ->needs("--journal");
  app.add_option("--forget-every", flags.forget_every,
                 "Acknowledge every Nth record without storing it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  return flags;
}

absl::StatusOr<FaultyFileSystem::Options> DiskOf(const Flags& flags, const AtPoint& at_point) {
  FaultyFileSystem::Options disk{.at_point = at_point};
  if (!flags.fired.empty()) {
    disk.on_fault = [file = flags.fired](absl::string_view operation) {
      std::ofstream(file, std::ios::app) << absl::StrCat(operation, "\n");
    };
  }
  for (const std::string& text : flags.faults) {
    ASSIGN_OR_RETURN(Fault fault, Fault::Parse(text));
    disk.faults.push_back(std::move(fault));
  }
  if (flags.journal.empty()) return disk;
  if (flags.cut_power) RETURN_IF_ERROR(SyncJournal::CutPower(flags.journal, *flags.cut_power));
  ASSIGN_OR_RETURN(disk.journal, SyncJournal::Open(flags.journal));
  return disk;
}

absl::StatusOr<std::unique_ptr<server::Store>> OpenStore(const Flags& flags,
                                                         const AtPoint& at_point) {
  ASSIGN_OR_RETURN(FaultyFileSystem::Options disk, DiskOf(flags, at_point));
  server::RocksdbOptions options;
  options.directory = flags.data_dir;
  options.durability = flags.durability;
  options.cache_bytes = flags.cache_bytes;
  // Small tables, so that a level has many of them, as in a large database.
  options.table_bytes = std::size_t{32} << 10;
  options.file_system = std::make_shared<FaultyFileSystem>(rocksdb::FileSystem::Default(), disk);
  at_point("before-open");
  ASSIGN_OR_RETURN(std::unique_ptr<server::Store> store, server::RocksdbStore::Open(options));
  at_point("after-open");
  if (flags.forget_every > 0) {
    store = std::make_unique<ForgetfulStore>(std::move(store), flags.forget_every);
  }
  return std::make_unique<FailingStore>(std::move(store), at_point);
}

absl::StatusOr<std::unique_ptr<server::Server>> Start(const Flags& flags, const AtPoint& at_point) {
  ASSIGN_OR_RETURN(std::unique_ptr<server::Store> store, OpenStore(flags, at_point));
  server::Config config;
  config.listen = "127.0.0.1:0";
  config.max_sessions = 1000;
  return server::Server::Start(config, std::move(store));
}

int Serve(const Flags& flags, const sigset_t& stop_signals) {
  absl::StatusOr<Failpoint> failpoint =
      flags.kill_at.empty() ? Failpoint() : Failpoint::Parse(flags.kill_at);
  if (!failpoint.ok()) {
    std::cerr << failpoint.status().ToString() << '\n';
    return 2;
  }
  const auto server = Start(flags, [&](absl::string_view point) { failpoint->Pass(point); });
  if (!server.ok()) {
    server::LogError("could not start", {{"error", server.status().ToString()}});
    return 1;
  }
  std::ofstream(flags.port_file) << (*server)->port() << '\n';
  int signal = 0;
  sigwait(&stop_signals, &signal);
  (*server)->Stop();
  return 0;
}

}  // namespace
}  // namespace calipers::crash

int main(int argc, char** argv) {
  // Signals are blocked before any thread starts, so that every thread inherits the mask.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  int exit_status = 0;
  const auto flags = calipers::crash::ParseFlags(argc, argv, exit_status);
  if (!flags) return exit_status;
  calipers::server::SetUpLog("warning", "text");
  return calipers::crash::Serve(*flags, stop_signals);
}
