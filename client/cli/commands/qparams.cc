#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/qparams_options.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/commands/whole_number.h"
#include "client/cli/terminal/table.h"
#include "client/formats/number_format.h"

namespace calipers::client {
namespace {

constexpr char kQparamsFooter[] =
    R"(Prints scales, zero points and global scales of sessions, for any number of schemes at
once. The sessions do not change: you can ask again for other schemes.

Examples:
  calipers qparams --scheme W8A8
  calipers qparams '*.down_proj' --scheme W4A16 --scheme NVFP4
  calipers qparams '*/weight' --args '{"num_bits": 4, "strategy": "group", "group_size": 128}'
  calipers qparams '*.experts.*' --scheme NVFP4 --peers-behind experts --json

Prints a line for each session and scheme: the shape and dtype of the scales, the smallest
and largest scale, the smallest and largest zero point, the global scale, and notes: the
traps of docs/qparams.md that the answer met, each with its number of parameters, and
members of its group without a session ("without"). There is
no line where a scheme does not quantize a session's tensors, and no scale where it
quantizes them dynamically. With --json every number. calipers export --qparams writes the
qparams into a file. Exit status 4 if a session has no answer.)";

struct Options {
  std::vector<std::string> sessions;
  QParamsOptions qparams;
  std::int64_t wait = 0;
};

// "0.5" or "0.25 to 0.5".
std::string Extremes(const v1::Tensor& tensor) {
  const Elements elements = ToElements(tensor);
  if (elements.size() == 0) return "-";
  std::size_t least = 0;
  std::size_t greatest = 0;
  for (std::size_t i = 1; i < elements.size(); ++i) {
    if (elements[i] < elements[least]) least = i;
    if (elements[i] > elements[greatest]) greatest = i;
  }
  const std::string low = NumberText(elements, least);
  const std::string high = NumberText(elements, greatest);
  return low == high ? low : absl::StrCat(low, " to ", high);
}

std::string NotesText(const v1::QParams& qparams) {
  std::vector<std::string> notes;
  for (const v1::QParamsNote& note : qparams.notes()) {
    notes.push_back(absl::StrCat(note.trap(), " x", note.count()));
  }
  for (const std::string& session : qparams.absent_sessions()) {
    notes.push_back(absl::StrCat("without ", SessionId(session)));
  }
  return absl::StrJoin(notes, ", ");
}

nlohmann::ordered_json QParamsJson(const v1::QParams& qparams) {
  nlohmann::ordered_json json;
  if (!qparams.has_args()) return {{"args", nullptr}};
  json["args"] = ToJson(qparams.args());
  if (qparams.has_scale()) json["scale"] = ToJson(qparams.scale());
  if (qparams.has_zero_point()) json["zero_point"] = ToJson(qparams.zero_point());
  if (qparams.has_global_scale()) json["global_scale"] = ToJson(qparams.global_scale());
  json["notes"] = ToJson(qparams.notes());
  json["fused_sessions"] =
      std::vector<std::string>(qparams.fused_sessions().begin(), qparams.fused_sessions().end());
  json["absent_sessions"] =
      std::vector<std::string>(qparams.absent_sessions().begin(), qparams.absent_sessions().end());
  json["fallback_sessions"] = std::vector<std::string>(qparams.fallback_sessions().begin(),
                                                       qparams.fallback_sessions().end());
  json["progress"] = ToJson(qparams.progress());
  return json;
}

void PrintJson(const std::string& session, const std::string& spec,
               const v1::QParamsResult& result) {
  nlohmann::ordered_json json = {{"session", session}, {"spec", spec}};
  if (result.has_status()) {
    json["error"] = ToJson(result.status());
  } else {
    json.update(QParamsJson(result.qparams()));
  }
  std::cout << json.dump() << '\n';
}

void AddRow(Table& table, const std::string& session, const std::string& spec,
            const v1::QParams& qparams) {
  table.AddRow(
      {SessionId(session), spec,
       qparams.has_scale()
           ? absl::StrCat(ShapeTextOf(qparams.scale().shape()), " ", qparams.scale().dtype())
           : "-",
       Extremes(qparams.scale()), Extremes(qparams.zero_point()), Extremes(qparams.global_scale()),
       qparams.fallback_sessions().empty() ? "" : "of its peers", NotesText(qparams)});
}

// Prints all results and returns the exit status.
int Print(const Global& global, const std::vector<std::string>& names,
          const std::vector<std::string>& specs, const std::vector<v1::QParamsResult>& results) {
  using Align = Table::Align;
  Table table({{"session"},
               {"for"},
               {"scales", Align::kRight},
               {"scale", Align::kRight},
               {"zero point", Align::kRight},
               {"global scale", Align::kRight},
               {"range"},
               {"notes"}});
  absl::Status first_error;
  bool any = false;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string& name = names[i / specs.size()];
    const std::string& spec = specs[i % specs.size()];
    if (global.json) PrintJson(name, spec, results[i]);
    if (results[i].has_status()) {
      first_error.Update(ToStatus(results[i].status()));
      continue;
    }
    // The scheme does not quantize this session's tensors.
    if (!results[i].qparams().has_args()) continue;
    any = true;
    AddRow(table, name, spec, results[i].qparams());
  }
  if (!global.json && any) std::cout << table.ToString();
  return first_error.ok() ? kDone : Fail(first_error);
}

int Run(const Global& global, const Options& options) {
  absl::StatusOr<v1::BatchGetQParamsRequest> request = options.qparams.ToRequest();
  if (!request.ok()) return FailUsage(request.status());
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto names = ResolveSessions(**client, global, options.sessions);
  if (!names.ok()) return Fail(names.status());
  request->set_parent(global.RunName());
  request->set_wait_count(options.wait);
  const auto results = (*client)->BatchGetQParams(*std::move(request), *names);
  if (!results.ok()) return Fail(results.status());
  return Print(global, *names, options.qparams.SpecNames(), *results);
}

}  // namespace

void AddQParams(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("qparams", "Print scales and zero points");
  command->add_option("SESSION", options->sessions,
                      "MODULE/BASE_NAME or a glob; default: all sessions of the run");
  options->qparams.AddTo(*command);
  command->add_option("--wait", options->wait, "Wait until each session holds this many records")
      ->check(WholeNumberFrom(0));
  command->footer(kQparamsFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Run(global, *options); };
  });
}

}  // namespace calipers::client
