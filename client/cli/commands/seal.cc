#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/commands/whole_number.h"
#include "client/cli/terminal/table.h"

namespace calipers::client {
namespace {

constexpr char kSealFooter[] =
    R"(Closes sessions at N records. A sealed session accepts no new records, so its answers
never change. A session can be sealed only if it holds exactly the records 0 to N-1;
otherwise the missing records are printed. Sealing again at N changes nothing.

Examples:
  calipers seal --count 512
  calipers seal '*.experts.*'
  calipers --run trial-3 seal --json

Prints a line for each session. Exit status 1 if a session was not sealed.)";

using SealResult = v1::SealRunResponse::Result;

nlohmann::ordered_json ResultJson(const SealResult& result) {
  nlohmann::ordered_json json = {{"session", result.session()}};
  if (result.has_sealed_count()) {
    json["sealed_count"] = result.sealed_count();
  } else {
    json["error"] = ToJson(result.status());
  }
  return json;
}

int Seal(const Global& global, const std::string& glob, std::optional<std::int64_t> count) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto results = (*client)->SealRun(global.RunName(), glob, count);
  if (!results.ok()) return Fail(results.status());
  Table table({{"session"}, {"sealed at", Table::Align::kRight}, {"not sealed, because"}});
  bool all = true;
  for (const SealResult& result : *results) {
    all = all && result.has_sealed_count();
    if (global.json) std::cout << ResultJson(result).dump() << '\n';
    table.AddRow({SessionId(result.session()),
                  result.has_sealed_count() ? absl::StrCat(result.sealed_count()) : "-",
                  result.status().message()});
  }
  if (!global.json) std::cout << table.ToString();
  return all ? kDone : kSomeRefused;
}

}  // namespace

void AddSeal(CLI::App& app, Action& selected) {
  const auto glob = std::make_shared<std::string>();
  const auto count = std::make_shared<std::optional<std::int64_t>>();
  CLI::App* command = app.add_subcommand("seal", "Close sessions at a number of records");
  command->add_option("SESSION", *glob,
                      "MODULE/BASE_NAME or a glob; default: all sessions of the run");
  command
      ->add_option("--count", *count,
                   "Number of records (default: each session's largest index plus one)")
      ->check(WholeNumberFrom(1));
  command->footer(kSealFooter);
  command->callback([glob, count, &selected] {
    selected = [glob, count](const Global& global) { return Seal(global, *glob, *count); };
  });
}

}  // namespace calipers::client
