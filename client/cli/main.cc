#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <string>

#include "client/cli/commands/command.h"
#include "client/library/server_address.h"

namespace {

using calipers::client::Action;
using calipers::client::FailUnknownCommand;
using calipers::client::Global;

constexpr char kFooter[] = R"(Examples:
  calipers ping
  calipers observe activations.safetensors --workers 4
  calipers minmax '*'
  calipers --server calibration:50051 --run llama-3 list

calipers COMMAND --help lists the flags of a command, with examples.

Exit status: 0 done; 1 something was refused, or the output could not be written;
2 wrong usage; 3 the server cannot be reached; 4 the session does not exist or has no
answer yet.)";

void AddGlobalOptions(CLI::App& app, Global& global) {
  app.add_option("--server", global.server, "HOST:PORT of the server")
      ->envname("CALIPERS_SERVER")
      ->check(
          [](const std::string& address) {
            return std::string(calipers::client::CheckServerAddress(address).message());
          },
          "HOST:PORT")
      ->capture_default_str();
  app.add_option("--run", global.run, "The run: the namespace of the sessions")
      ->envname("CALIPERS_RUN")
      ->capture_default_str();
  app.add_option("--timeout", global.timeout_seconds,
                 "Seconds that connecting, each call and each keepalive answer may take")
      ->check(CLI::Range(0.01, 1e6))
      ->capture_default_str();
  app.add_flag("--json", global.json, "Print JSON for programs");
}

// By default, CLI11 gives an option of several values everything up to the next option. A pattern
// after it would be taken for a value.
void TakeOneValueEach(CLI::App& app) {
  for (CLI::Option* const option : app.get_options()) {
    if (!option->get_positional()) option->allow_extra_args(false);
  }
  for (CLI::App* const command : app.get_subcommands({})) TakeOneValueEach(*command);
}

// The word that was given instead of a command; "" if a command was given, or no word. CLI11 says
// only that a command is required.
std::string UnknownCommand(const CLI::App& app) {
  if (!app.get_subcommands().empty()) return "";
  for (const std::string& word : app.remaining()) {
    if (!word.empty() && word.front() != '-') return word;
  }
  return "";
}

// The exit status: `status`, unless a part of the output is lost.
int AfterOutput(int status) {
  std::cout.flush();
  if (std::cout) return status;
  std::cerr
      << "calipers: the standard output could not be written completely: its disk may be full\n";
  return status == calipers::client::kDone ? calipers::client::kSomeRefused : status;
}

int Run(int argc, char** argv) {
  Global global;
  Action selected;
  CLI::App app("Streams tensors to a Calipers server and asks for their ranges.", "calipers");
  app.set_version_flag("--version", CALIPERS_VERSION);
  app.require_subcommand(1);
  // The global flags may also come after the command.
  app.fallthrough();
  AddGlobalOptions(app, global);
  for (const calipers::client::AddCommand add :
       {calipers::client::AddPing,    calipers::client::AddObserve, calipers::client::AddMinMax,
        calipers::client::AddList,    calipers::client::AddWatch,   calipers::client::AddCoverage,
        calipers::client::AddInspect, calipers::client::AddCreate,  calipers::client::AddSeal,
        calipers::client::AddSweep,   calipers::client::AddQParams, calipers::client::AddReset,
        calipers::client::AddDelete,  calipers::client::AddExport,  calipers::client::AddImport,
        calipers::client::AddMerge,   calipers::client::AddPlot,    calipers::client::AddBackup,
        calipers::client::AddHelp,    calipers::client::AddVersion}) {
    add(app, selected);
  }
  TakeOneValueEach(app);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (const std::string word = UnknownCommand(app); !word.empty())
      return FailUnknownCommand(app, word);
    // CLI11 reports errors, help and version as exceptions. Help and version have status 0.
    return AfterOutput(app.exit(error) == 0 ? calipers::client::kDone : calipers::client::kUsage);
  }
  return AfterOutput(selected(global));
}

}  // namespace

int main(int argc, char** argv) {
  const int status = Run(argc, argv);
  // Without destructors, because threads of gRPC still run. The output is flushed.
  std::_Exit(status);
}
