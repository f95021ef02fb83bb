#include "tests/bench/child.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <limits>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/bench/fail.h"

extern char** environ;

namespace calipers::bench {
namespace {

// Short, because the duration of a start is also measured. All tries together are long enough for a
// server with a million sessions.
constexpr absl::Duration kBetweenTries = absl::Milliseconds(1);
constexpr int kTries = 60'000;

}  // namespace

Child::Child(std::vector<std::string> command, int cpu) {
  static int number = 0;
  const std::string port_file =
      "/tmp/calipers-bench-" + std::to_string(getpid()) + "-" + std::to_string(++number);
  if (cpu >= 0) command.insert(command.begin(), {"/usr/bin/taskset", "-c", std::to_string(cpu)});
  std::remove(port_file.c_str());
  command.insert(command.end(), {"--port-file", port_file});
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  if (posix_spawn(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    Fail("cannot run " + command[0]);
  }
  for (int tries = 0; tries < kTries && target_.empty(); ++tries) {
    std::ifstream file(port_file);
    if (std::string port; std::getline(file, port) && !file.eof()) target_ = "127.0.0.1:" + port;
    absl::SleepFor(kBetweenTries);
  }
  std::remove(port_file.c_str());
  if (target_.empty()) Fail(command[0] + " did not start");
}

std::int64_t Child::resident_bytes() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  std::int64_t total_pages = 0;
  std::int64_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

double Child::processor_seconds() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  // Skips the pid and the program's name, which is in parentheses.
  file.ignore(std::numeric_limits<std::streamsize>::max(), ')');
  std::string skipped;
  for (int field = 3; field < 14; ++field) file >> skipped;
  std::int64_t user_ticks = 0;
  std::int64_t system_ticks = 0;
  file >> user_ticks >> system_ticks;
  return static_cast<double>(user_ticks + system_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Child::~Child() { Stop(); }

void Child::Stop() { End(SIGTERM); }

void Child::Kill() { End(SIGKILL); }

void Child::End(int signal) {
  if (pid_ < 0) return;
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace calipers::bench
