#include "tests/bench/child.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/time/clock.h"
#include "absl/time/time.h"

extern char** environ;

namespace calipers::bench {

Child::Child(std::vector<std::string> command) {
  const std::string port_file =
      "/tmp/calipers-bench-" + std::to_string(getpid()) + "-" + std::to_string(command.size());
  std::remove(port_file.c_str());
  command.insert(command.end(), {"--port-file", port_file});
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  if (posix_spawn(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    pid_ = -1;
    return;
  }
  for (int tries = 0; tries < 1000 && target_.empty(); ++tries) {
    std::ifstream file(port_file);
    if (std::string port; std::getline(file, port) && !file.eof()) target_ = "127.0.0.1:" + port;
    absl::SleepFor(absl::Milliseconds(10));
  }
  std::remove(port_file.c_str());
}

Child::~Child() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

}  // namespace calipers::bench
