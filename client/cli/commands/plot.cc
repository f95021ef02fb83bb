#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"

namespace calipers::client {
namespace {

constexpr char kProgram[] = "calipers-plot";

constexpr char kPlotFooter[] = R"(Examples:
  calipers plot model.layers.0.mlp.up_proj/input -o series.svg
  calipers plot model.layers.0.mlp.up_proj/input -o series.png --averaging-constants 0.1,1
  calipers plot model.layers.0.self_attn.q_proj/weight -o group.svg --param 3
  calipers plot -o run.svg
  calipers plot '*.mlp.*' -o mlp.png

Draws the series of a session, or the ranges of many sessions if you give a GLOB or no
session. It runs calipers-plot of the Python package (pip install './client/python[plot]')
with --server and --run in its environment, and passes all arguments after `plot` on to it.
calipers-plot --help lists them.)";

int FailToRun(int error) {
  if (error != ENOENT) {
    return Fail(absl::InternalError(absl::StrCat("cannot run ", kProgram, ": ", strerror(error))));
  }
  std::cerr << "calipers: NOT_FOUND: there is no " << kProgram
            << " on PATH; it draws the pictures\n  next: pip install './client/python[plot]' in "
               "a clone of the repository\n";
  return kNoAnswer;
}

/// Replaces this process with calipers-plot. Returns only if calipers-plot cannot be run.
int Plot(const Global& global, const std::vector<std::string>& passed_on) {
  if (global.json) {
    return FailUsage(absl::InvalidArgumentError("plot draws a picture and has no --json"));
  }
  if (setenv("CALIPERS_SERVER", global.server.c_str(), 1) != 0 ||
      setenv("CALIPERS_RUN", global.run.c_str(), 1) != 0) {
    return FailToRun(errno);
  }
  std::vector<std::string> arguments = {kProgram, "--timeout",
                                        absl::StrCat(global.timeout_seconds)};
  arguments.insert(arguments.end(), passed_on.begin(), passed_on.end());
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execvp(kProgram, pointers.data());
  return FailToRun(errno);
}

}  // namespace

void AddPlot(CLI::App& app, Action& selected) {
  CLI::App* command = app.add_subcommand("plot", "Draw a session's series, or the ranges of a run");
  // calipers-plot parses all arguments after `plot`, including --run and the other global flags.
  command->fallthrough(false);
  command->prefix_command();
  command->footer(kPlotFooter);
  command->callback([command, &selected] {
    selected = [passed_on = command->remaining()](const Global& global) {
      return Plot(global, passed_on);
    };
  });
}

}  // namespace calipers::client
