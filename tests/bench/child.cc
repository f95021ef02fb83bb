#include "tests/bench/child.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/bench/fail.h"

extern char** environ;

namespace calipers::bench {

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
  for (int tries = 0; tries < 1000 && target_.empty(); ++tries) {
    std::ifstream file(port_file);
    if (std::string port; std::getline(file, port) && !file.eof()) target_ = "127.0.0.1:" + port;
    absl::SleepFor(absl::Milliseconds(10));
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

Child::~Child() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

}  // namespace calipers::bench
