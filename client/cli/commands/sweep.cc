#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/exclude_option.h"
#include "client/cli/commands/range_text.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/terminal/table.h"
#include "client/formats/number_format.h"

namespace calipers::client {
namespace {

constexpr char kSweepFooter[] =
    R"(Prints the ranges that other averaging constants give for a session's records. The
session does not change.

Examples:
  calipers sweep model.layers.0.mlp.up_proj/input
  calipers sweep model.layers.0.mlp.up_proj/input --averaging-constants 0.001,0.01,0.1
  calipers sweep model.layers.0.mlp.up_proj/input --exclude 17,40-47 --json

Prints a line for each constant: the smallest minimum and largest maximum of all
parameters, and the fold of the tensors' own ranges. With --json every number.)";

struct SweepOptions {
  std::string session;
  std::vector<double> constants = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1};
  std::vector<std::string> exclude;
};

using SweepResult = v1::SweepMinMaxResponse::Result;

void PrintJson(const std::string& name, const v1::SweepMinMaxResponse& sweep) {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const SweepResult& result : sweep.results()) {
    results.push_back({{"averaging_constant", result.averaging_constant()},
                       {"range", RangeJson(result.range())},
                       {"global", RangeJson(result.global())},
                       {"global_of_range", RangeJson(result.global_of_range())}});
  }
  const nlohmann::ordered_json json = {
      {"session", name}, {"results", std::move(results)}, {"progress", ToJson(sweep.progress())}};
  std::cout << json.dump() << '\n';
}

void PrintTable(const v1::SweepMinMaxResponse& sweep) {
  using Align = Table::Align;
  Table table({{"averaging constant", Align::kRight},
               {"min", Align::kRight},
               {"max", Align::kRight},
               {"global min", Align::kRight},
               {"global max", Align::kRight}});
  for (const SweepResult& result : sweep.results()) {
    table.AddRow({absl::StrCat(result.averaging_constant()),
                  OneNumber(result.global_of_range().min()),
                  OneNumber(result.global_of_range().max()), OneNumber(result.global().min()),
                  OneNumber(result.global().max())});
  }
  std::cout << table.ToString();
}

int Sweep(const Global& global, const SweepOptions& options) {
  v1::SweepMinMaxRequest request;
  request.set_name(global.SessionName(options.session));
  request.mutable_averaging_constants()->Assign(options.constants.begin(), options.constants.end());
  const auto exclude = ParseExclude(options.exclude);
  if (!exclude.ok()) return FailUsage(exclude.status());
  request.mutable_exclude()->Assign(exclude->begin(), exclude->end());
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto sweep = (*client)->SweepMinMax(request);
  if (!sweep.ok()) return Fail(sweep.status());
  if (global.json) {
    PrintJson(request.name(), *sweep);
  } else {
    PrintTable(*sweep);
  }
  return kDone;
}

}  // namespace

void AddSweep(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<SweepOptions>();
  CLI::App* command = app.add_subcommand("sweep", "Compare averaging constants");
  command->add_option("SESSION", options->session, "MODULE/BASE_NAME")->required();
  command
      ->add_option("--averaging-constants", options->constants,
                   "Constants in [0, 1], separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  AddExcludeOption(*command, options->exclude);
  command->footer(kSweepFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Sweep(global, *options); };
  });
}

}  // namespace calipers::client
