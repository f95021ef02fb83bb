#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/exclude_option.h"
#include "client/cli/commands/range_text.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/commands/whole_number.h"
#include "client/cli/terminal/table.h"
#include "client/formats/number_format.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kMinmaxFooter[] =
    R"(Prints the range of sessions. SESSION is MODULE/BASE_NAME, or a glob over modules (with
a / in it: over MODULE/BASE_NAME). Default: every session of the run.

Examples:
  calipers minmax model.layers.0.mlp.up_proj/input
  calipers minmax '*.up_proj' --wait 512 --timeout 3600
  calipers minmax '*/weight' --json
  calipers minmax '*/input' --observer static_minmax --exclude 17

Prints a line for each session: number of records, missing indices, and the smallest
minimum and largest maximum of all parameters (--full: each parameter). "global" is the
fold of the tensors' own ranges. With --json a line of JSON for each session, with
every number. Exit status 4 if a session has no answer.)";

struct MinMaxOptions {
  std::vector<std::string> sessions;
  std::int64_t wait = 0;
  bool full = false;
  std::string observer;
  std::optional<double> averaging_constant;
  std::vector<std::string> exclude;
};

using MinMaxResult = v1::BatchGetMinMaxResponse::Result;

// The fold that the flags select. nullopt stands for each session's own fold.
absl::StatusOr<std::optional<v1::FoldOptions>> FoldOf(const MinMaxOptions& options) {
  if (options.observer.empty() && !options.averaging_constant && options.exclude.empty()) {
    return std::nullopt;
  }
  v1::FoldOptions fold;
  fold.set_observer(options.observer);
  if (options.averaging_constant) {
    fold.mutable_observer_kwargs()->set_averaging_constant(*options.averaging_constant);
  }
  ASSIGN_OR_RETURN(const auto exclude, ParseExclude(options.exclude));
  fold.mutable_exclude()->Assign(exclude.begin(), exclude.end());
  return fold;
}

// The members of MinMax that are printed. The table needs only members whose size does not depend
// on the number of parameters, so the answer is small.
std::vector<std::string> Members(const Global& global, const MinMaxOptions& options) {
  if (global.json) return {};
  if (options.full) return {"range"};
  return {"global", "global_of_range", "progress"};
}

// The existing sessions that `patterns` select, by name.
absl::StatusOr<std::map<std::string, v1::Session>> GetSessions(
    const Client& client, const Global& global, const std::vector<std::string>& patterns) {
  std::map<std::string, v1::Session> sessions;
  for (const std::string& pattern : patterns.empty() ? std::vector<std::string>{"*"} : patterns) {
    if (IsGlob(pattern)) {
      ASSIGN_OR_RETURN(const auto found, client.ListSessions(global.RunName(), pattern));
      for (const v1::Session& session : found) sessions[session.name()] = session;
      continue;
    }
    const auto session = client.GetSession(global.SessionName(pattern));
    if (session.ok()) sessions[session->name()] = *session;
    if (!session.ok() && !absl::IsNotFound(session.status())) return session.status();
  }
  return sessions;
}

nlohmann::ordered_json ResultJson(const std::string& name, const MinMaxResult& result) {
  nlohmann::ordered_json json = {{"session", name}};
  if (result.has_status()) {
    json["error"] = ToJson(result.status());
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

void AddRow(Table& table, const std::string& name, const std::string& shape,
            const v1::MinMax& answer) {
  const v1::Range& extremes = answer.global_of_range();
  table.AddRow({SessionId(name), absl::StrCat(answer.progress().count()),
                MissingText(answer.progress()), shape, OneNumber(extremes.min()),
                OneNumber(extremes.max()), OneNumber(answer.global().min()),
                OneNumber(answer.global().max())});
}

void PrintParameters(const std::string& name, const v1::MinMax& answer) {
  const Elements min = ToElements(answer.range().min());
  const Elements max = ToElements(answer.range().max());
  std::cout << SessionId(name) << "  " << ShapeTextOf(answer.range().min().shape()) << '\n';
  Table table({{"  parameter", Table::Align::kRight},
               {"min", Table::Align::kRight},
               {"max", Table::Align::kRight}});
  for (std::size_t i = 0; i < min.size(); ++i) {
    table.AddRow({absl::StrCat(i), NumberText(min, i), NumberText(max, i)});
  }
  std::cout << table.ToString();
}

void PrintTable(const std::vector<std::string>& names, const std::vector<MinMaxResult>& results,
                const std::map<std::string, v1::Session>& sessions) {
  Table table = MakeTable();
  bool any = false;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].has_min_max()) continue;
    const auto session = sessions.find(names[i]);
    AddRow(table, names[i],
           session == sessions.end() ? "-" : ShapeTextOf(session->second.qparam_shape()),
           results[i].min_max());
    any = true;
  }
  if (any) std::cout << table.ToString();
}

absl::Status Print(const Client& client, const Global& global, const MinMaxOptions& options,
                   const std::vector<std::string>& names,
                   const std::vector<MinMaxResult>& results) {
  if (!global.json && !options.full) {
    // Sessions are listed after the answers: then every answered session has its shape.
    ASSIGN_OR_RETURN(const auto sessions, GetSessions(client, global, options.sessions));
    PrintTable(names, results, sessions);
    return absl::OkStatus();
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (global.json) {
      std::cout << ResultJson(names[i], results[i]).dump() << '\n';
    } else if (results[i].has_min_max()) {
      PrintParameters(names[i], results[i].min_max());
    }
  }
  return absl::OkStatus();
}

absl::Status FirstError(const std::vector<MinMaxResult>& results) {
  for (const MinMaxResult& result : results) {
    if (result.has_status()) {
      return {static_cast<absl::StatusCode>(result.status().code()), result.status().message()};
    }
  }
  return absl::OkStatus();
}

int MinMax(const Global& global, const MinMaxOptions& options) {
  const auto fold = FoldOf(options);
  if (!fold.ok()) return FailUsage(fold.status());
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto names = ResolveSessions(**client, global, options.sessions);
  if (!names.ok()) return Fail(names.status());
  const auto results = (*client)->BatchGetMinMax(global.RunName(), *names, options.wait,
                                                 Members(global, options), *fold);
  if (absl::IsDeadlineExceeded(results.status()) && options.wait > 0) {
    return Fail(absl::DeadlineExceededError(
        absl::StrCat("not every session reached ", options.wait, " records within ",
                     global.timeout_seconds, " s; calipers list shows the count of each session")));
  }
  if (!results.ok()) return Fail(results.status());
  absl::Status status = Print(**client, global, options, *names, *results);
  status.Update(FirstError(*results));
  return status.ok() ? kDone : Fail(status);
}

}  // namespace

void AddMinMax(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<MinMaxOptions>();
  CLI::App* command = app.add_subcommand("minmax", "Print the range of sessions");
  command->add_option("SESSION", options->sessions, "MODULE/BASE_NAME or a glob");
  command->add_option("--wait", options->wait, "Wait until each session holds this many records")
      ->check(WholeNumberFrom(0));
  const std::string other = "Another fold of the same records; the session does not change";
  command->add_option("--observer", options->observer, "Observer (default: the session's)")
      ->group(other);
  command
      ->add_option("--averaging-constant", options->averaging_constant,
                   "Weight of the newest record (default: the session's)")
      ->group(other);
  AddExcludeOption(*command, options->exclude);
  command->get_option("--exclude")->group(other);
  command->add_flag("--full", options->full, "Print every parameter");
  command->footer(kMinmaxFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return MinMax(global, *options); };
  });
}

}  // namespace calipers::client
