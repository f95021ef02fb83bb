#include <iostream>
#include <memory>
#include <string>

#include "client/cli/commands/command.h"

namespace calipers::client {
namespace {

int PrintHelp(CLI::App& app, const std::string& name) {
  if (name.empty()) {
    // app.help() would be the help of the command that was given, which is `help`.
    std::cout << app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
    return kDone;
  }
  const auto named =
      app.get_subcommands([&](const CLI::App* one) { return one->check_name(name); });
  if (named.empty()) return FailUnknownCommand(app, name);
  std::cout << named.front()->help(app.get_name());
  return kDone;
}

}  // namespace

void AddHelp(CLI::App& app, Action& selected) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("help", "Show the help of a command");
  command->add_option("COMMAND", *name, "The command; without one, the help of calipers");
  command->footer("Examples:\n  calipers help\n  calipers help observe");
  command->callback([&app, &selected, name] {
    selected = [&app, name](const Global&) { return PrintHelp(app, *name); };
  });
}

void AddVersion(CLI::App& app, Action& selected) {
  CLI::App* command = app.add_subcommand("version", "Show the version, as --version does");
  command->footer("Examples:\n  calipers version");
  command->callback([&selected] {
    selected = [](const Global&) {
      std::cout << CALIPERS_VERSION << '\n';
      return kDone;
    };
  });
}

}  // namespace calipers::client
