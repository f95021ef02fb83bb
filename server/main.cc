#include <pthread.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/base/log.h"
#include "server/base/malloc_settings.h"
#include "server/config.h"
#include "server/server.h"
#include "server/storage/rocksdb/restore_backup.h"

namespace {

using calipers::server::Config;
using calipers::server::LogError;
using calipers::server::LogInfo;
using calipers::server::RestoreBackup;
using calipers::server::Server;

// The main thread waits for SIGTERM and SIGINT; no handler is set. The signals are blocked before
// any thread starts, so that every thread inherits this.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

bool WritePort(const std::string& path, int port) {
  std::ofstream file(path);
  file << port << '\n';
  return file.flush().good();
}

absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config) {
  if (!config.restore_from.empty()) {
    RETURN_IF_ERROR(RestoreBackup(config.restore_from, config.data_dir));
    LogInfo("backup restored", {{"from", config.restore_from}, {"data_dir", config.data_dir}});
  }
  return Server::Start(config);
}

int Run(const Config& config) {
  const sigset_t stop_signals = BlockStopSignals();
  const absl::StatusOr<std::unique_ptr<Server>> server = Start(config);
  if (!server.ok()) {
    LogError("could not start", {{"error", server.status().ToString()}});
    return 1;
  }
  LogInfo("serving", {{"listen", config.listen},
                      {"port", absl::StrCat((*server)->port())},
                      {"version", CALIPERS_VERSION}});
  if (!config.port_file.empty() && !WritePort(config.port_file, (*server)->port())) {
    LogError("could not write the port file", {{"file", config.port_file}});
    return 1;
  }
  int signal = 0;
  sigwait(&stop_signals, &signal);
  LogInfo("stopping",
          {{"signal", strsignal(signal)}, {"drain_seconds", absl::StrCat(config.drain_seconds)}});
  (*server)->Stop();
  LogInfo("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  calipers::server::KeepFreedMemory();
  int exit_status = 0;
  const std::optional<Config> config = calipers::server::ParseCommandLine(argc, argv, exit_status);
  if (!config) return exit_status;
  calipers::server::SetUpLog(config->log_level, config->log_format);
  return Run(*config);
}
