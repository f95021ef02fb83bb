#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/terminal/table.h"

namespace calipers::client {
namespace {

constexpr char kFooter[] =
    R"(Closes sessions at a number of records: they take no more of them, and their answers
never change. A session is sealed when records 0 to N-1 are there and no others; what
is missing is named. Sealing again changes nothing.

Examples:
  calipers seal --count 512
  calipers seal '*.experts.*'
  calipers --run trial-3 seal --json

Prints a line a session. Exit status 1 if one of them was not sealed.)";

using Result = v1::SealRunResponse::Result;

nlohmann::ordered_json ResultJson(const Result& result) {
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
  for (const Result& result : *results) {
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
  command->add_option("SESSION", *glob, "MODULE/BASE_NAME or a glob; default all of the run");
  command->add_option("--count", *count, "Records (default: as many as a session's reach to)")
      ->check(CLI::PositiveNumber);
  command->footer(kFooter);
  command->callback([glob, count, &selected] {
    selected = [glob, count](const Global& global) { return Seal(global, *glob, *count); };
  });
}

}  // namespace calipers::client
