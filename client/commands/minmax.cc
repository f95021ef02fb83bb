#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/session_json.h"
#include "client/table.h"
#include "client/values.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kFooter[] =
    R"(Asks for the range of sessions: MODULE/BASE_NAME, or a glob over modules (or over
MODULE/BASE_NAME, with a / in it). Without any: every session of the run.

Examples:
  calipers minmax model.layers.0.mlp.up_proj/input
  calipers minmax '*.up_proj' --wait 512 --timeout 3600
  calipers minmax '*/weight' --json

Prints a line a session: records present, indices missing, and the least minimum
and greatest maximum of all parameters (--full: each parameter). "global" is the
fold of the tensors' own ranges. With --json a line of JSON a session, with every
number. Exit status 4 if a session has no answer.)";

struct MinMaxOptions {
  std::vector<std::string> sessions;
  std::int64_t wait = 0;
  bool full = false;
};

using Result = v1::BatchGetMinMaxResponse::Result;

std::string Number(const v1::Tensor& tensor, std::size_t i) {
  const Elements elements = ToElements(tensor);
  return i < elements.size() ? NumberText(elements.dtype, elements[i]) : "-";
}

nlohmann::ordered_json RangeJson(const v1::Range& range) {
  return {{"min", ToJson(range.min())}, {"max", ToJson(range.max())}};
}

nlohmann::ordered_json ResultJson(const std::string& name, const Result& result) {
  nlohmann::ordered_json json = {{"session", name}};
  if (result.has_status()) {
    json["error"] = {
        {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(result.status().code()))},
        {"message", result.status().message()}};
    return json;
  }
  const v1::MinMax& answer = result.min_max();
  json["range"] = RangeJson(answer.range());
  json["current"] = RangeJson(answer.current());
  json["global"] = RangeJson(answer.global());
  json["current_global"] = RangeJson(answer.current_global());
  json["global_of_range"] = RangeJson(answer.global_of_range());
  json["progress"] = ToJson(answer.progress());
  return json;
}

Table MakeTable() {
  using Align = Table::Align;
  return Table({{"session"},
                {"count", Align::kRight},
                {"missing", Align::kRight},
                {"shape", Align::kRight},
                {"min", Align::kRight},
                {"max", Align::kRight},
                {"global min", Align::kRight},
                {"global max", Align::kRight}});
}

void AddRow(Table& table, const std::string& name, const v1::MinMax& answer) {
  const v1::Range& extremes = answer.global_of_range();
  table.AddRow({SessionId(name), absl::StrCat(answer.progress().count()),
                MissingText(answer.progress()), ShapeTextOf(answer.range().min().shape()),
                Number(extremes.min(), 0), Number(extremes.max(), 0),
                Number(answer.global().min(), 0), Number(answer.global().max(), 0)});
}

void PrintParameters(const std::string& name, const v1::MinMax& answer) {
  const Elements min = ToElements(answer.range().min());
  const Elements max = ToElements(answer.range().max());
  std::cout << SessionId(name) << "  " << ShapeTextOf(answer.range().min().shape()) << '\n';
  Table table({{"  parameter", Table::Align::kRight},
               {"min", Table::Align::kRight},
               {"max", Table::Align::kRight}});
  for (std::size_t i = 0; i < min.size(); ++i) {
    table.AddRow({absl::StrCat(i), NumberText(min.dtype, min[i]), NumberText(max.dtype, max[i])});
  }
  std::cout << table.ToString();
}

// Prints the answers; the first error there was.
absl::Status Print(const Global& global, const MinMaxOptions& options,
                   const std::vector<std::string>& names, const std::vector<Result>& results) {
  Table table = MakeTable();
  absl::Status first;
  bool any = false;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    if (result.has_status()) {
      first.Update(absl::Status(static_cast<absl::StatusCode>(result.status().code()),
                                result.status().message()));
    }
    if (global.json) {
      std::cout << ResultJson(names[i], result).dump() << '\n';
    } else if (result.has_min_max() && options.full) {
      PrintParameters(names[i], result.min_max());
    } else if (result.has_min_max()) {
      AddRow(table, names[i], result.min_max());
      any = true;
    }
  }
  if (any) std::cout << table.ToString();
  return first;
}

int MinMax(const Global& global, const MinMaxOptions& options) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto names = ResolveSessions(**client, global, options.sessions);
  if (!names.ok()) return Fail(names.status());
  const auto results = (*client)->BatchGetMinMax(global.RunName(), *names, options.wait);
  if (absl::IsDeadlineExceeded(results.status()) && options.wait > 0) {
    return Fail(absl::DeadlineExceededError(
        absl::StrCat("not every session came to hold ", options.wait, " records within ",
                     global.timeout_seconds, " s; calipers list shows how far they are")));
  }
  if (!results.ok()) return Fail(results.status());
  const absl::Status first = Print(global, options, *names, *results);
  return first.ok() ? kDone : Fail(first);
}

}  // namespace

void AddMinMax(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<MinMaxOptions>();
  CLI::App* command = app.add_subcommand("minmax", "Ask for the range of sessions");
  command->add_option("SESSION", options->sessions, "MODULE/BASE_NAME or a glob");
  command->add_option("--wait", options->wait, "Wait until each session holds this many records")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--full", options->full, "Print every parameter");
  command->footer(kFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return MinMax(global, *options); };
  });
}

}  // namespace calipers::client
