#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/terminal/table.h"

namespace calipers::client {
namespace {

constexpr char kListFooter[] = R"(Examples:
  calipers list
  calipers list '*.down_proj'
  calipers list '*/weight' --json
  calipers --run - list          # every run

Prints a line for each session: strategy, observer, arithmetic, dtype, qparam shape,
number of records and missing indices. With --json a line of JSON for each session.)";

int List(const Global& global, const std::string& glob) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto sessions = (*client)->ListSessions(global.RunName(), glob);
  if (!sessions.ok()) return Fail(sessions.status());
  using Align = Table::Align;
  Table table({{"session"},
               {"strategy"},
               {"observer"},
               {"arithmetic"},
               {"dtype"},
               {"shape", Align::kRight},
               {"count", Align::kRight},
               {"missing", Align::kRight}});
  for (const v1::Session& session : *sessions) {
    const nlohmann::ordered_json json = ToJson(session);
    if (global.json) {
      std::cout << json.dump() << '\n';
      continue;
    }
    table.AddRow({global.run == "-" ? session.name() : SessionId(session.name()),
                  StrategyText(session.args()), session.args().observer(),
                  json["arithmetic"].get<std::string>(),
                  session.observed_dtype().empty() ? "-" : session.observed_dtype(),
                  ShapeTextOf(session.qparam_shape()), absl::StrCat(session.progress().count()),
                  MissingText(session.progress())});
  }
  if (!global.json) {
    if (!sessions->empty()) std::cout << table.ToString();
    std::cerr << sessions->size() << " sessions in " << global.RunName() << '\n';
  }
  return kDone;
}

}  // namespace

void AddList(CLI::App& app, Action& selected) {
  const auto glob = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("list", "List the sessions of a run");
  command->add_option("GLOB", *glob, "Modules (with a /: MODULE/BASE_NAME) to list; default: all");
  command->footer(kListFooter);
  command->callback([glob, &selected] {
    selected = [glob](const Global& global) { return List(global, *glob); };
  });
}

}  // namespace calipers::client
