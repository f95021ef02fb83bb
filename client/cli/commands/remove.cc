// reset and delete: both select sessions, ask for confirmation, and process each session.

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kResetFooter[] =
    R"(Deletes the records of sessions and keeps the sessions. Asks for confirmation unless
--yes is given.

Examples:
  calipers reset model.layers.0.mlp.up_proj/input
  calipers reset '*.experts.*' --yes)";

constexpr char kDeleteFooter[] =
    R"(Deletes sessions with their records, or with --all the whole run. Asks for confirmation
unless --yes is given.

Examples:
  calipers delete model.layers.0.mlp.up_proj/input
  calipers --run trial-3 delete --all --yes)";

struct RemoveOptions {
  std::vector<std::string> sessions;
  bool all = false;
  bool yes = false;
};

void PrintCount(const Global& global, absl::string_view what, std::size_t count) {
  if (global.json) {
    std::cout << nlohmann::json{{std::string(what), count}}.dump() << '\n';
  } else {
    std::cout << what << " " << count << (count == 1 ? " session\n" : " sessions\n");
  }
}

// Asks for confirmation, then calls `each` for every session that the options name.
int ForSessions(const Global& global, const RemoveOptions& options, absl::string_view verb,
                absl::string_view past,
                absl::FunctionRef<absl::Status(const Client&, const std::string&)> each) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto names = ResolveSessions(**client, global, options.sessions);
  if (!names.ok()) return Fail(names.status());
  const std::string what =
      names->size() == 1 ? names->front() : absl::StrCat(names->size(), " sessions");
  if (!Confirmed(options.yes, absl::StrCat(verb, " ", what, " of ", global.RunName(), "?"))) {
    return kUsage;
  }
  for (const std::string& name : *names) {
    if (const absl::Status status = each(**client, name); !status.ok()) return Fail(status);
  }
  PrintCount(global, past, names->size());
  return kDone;
}

int Reset(const Global& global, const RemoveOptions& options) {
  return ForSessions(global, options, "Reset", "reset",
                     [](const Client& client, const std::string& name) {
                       return client.ResetSession(name).status();
                     });
}

int DeleteRun(const Global& global, const RemoveOptions& options) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  if (!Confirmed(options.yes, absl::StrCat("Delete all of ", global.RunName(), "?"))) return kUsage;
  const absl::Status status = (*client)->DeleteRun(global.RunName());
  if (!status.ok()) return Fail(status);
  std::cout << (global.json ? nlohmann::json{{"deleted", global.RunName()}}.dump()
                            : absl::StrCat("deleted ", global.RunName()))
            << '\n';
  return kDone;
}

int Delete(const Global& global, const RemoveOptions& options) {
  if (options.all) return DeleteRun(global, options);
  return ForSessions(
      global, options, "Delete", "deleted",
      [](const Client& client, const std::string& name) { return client.DeleteSession(name); });
}

}  // namespace

void AddReset(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<RemoveOptions>();
  CLI::App* command = app.add_subcommand("reset", "Delete the records of sessions");
  command->add_option("SESSION", options->sessions, "MODULE/BASE_NAME or a glob")->required();
  command->add_flag("--yes", options->yes, "Do not ask");
  command->footer(kResetFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Reset(global, *options); };
  });
}

void AddDelete(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<RemoveOptions>();
  CLI::App* command = app.add_subcommand("delete", "Delete sessions, or a run");
  CLI::Option_group* what = command->add_option_group("What");
  what->add_option("SESSION", options->sessions, "MODULE/BASE_NAME or a glob");
  what->add_flag("--all", options->all, "The whole run");
  what->require_option(1);
  command->add_flag("--yes", options->yes, "Do not ask");
  command->footer(kDeleteFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Delete(global, *options); };
  });
}

}  // namespace calipers::client
