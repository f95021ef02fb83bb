#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/terminal/table.h"

namespace calipers::client {
namespace {

constexpr char kCoverageFooter[] = R"(Examples:
  calipers coverage
  calipers coverage '*experts*' --json

Prints the batches and tokens of each worker, then of each session, then the sessions
without data. Exit status 4 if there are sessions without data.)";

nlohmann::ordered_json WorkersJson(
    const google::protobuf::RepeatedPtrField<v1::WorkerCoverage>& workers) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const v1::WorkerCoverage& worker : workers) {
    json.push_back(
        {{"worker", worker.worker()}, {"batches", worker.batches()}, {"tokens", worker.tokens()}});
  }
  return json;
}

void PrintJson(const v1::Coverage& coverage) {
  nlohmann::ordered_json sessions = nlohmann::ordered_json::array();
  for (const v1::SessionCoverage& session : coverage.sessions()) {
    sessions.push_back({{"session", session.session()},
                        {"batches", session.batches()},
                        {"tokens", session.tokens()},
                        {"empty_batches", session.empty_batches()},
                        {"workers", WorkersJson(session.workers())}});
  }
  nlohmann::ordered_json unobserved = nlohmann::ordered_json::array();
  for (const std::string& name : coverage.unobserved()) unobserved.push_back(name);
  const nlohmann::ordered_json json = {{"sessions", std::move(sessions)},
                                       {"workers", WorkersJson(coverage.workers())},
                                       {"unobserved", std::move(unobserved)}};
  std::cout << json.dump() << '\n';
}

void PrintTables(const v1::Coverage& coverage) {
  using Align = Table::Align;
  Table workers({{"worker"}, {"batches", Align::kRight}, {"tokens", Align::kRight}});
  for (const v1::WorkerCoverage& worker : coverage.workers()) {
    workers.AddRow(
        {worker.worker(), absl::StrCat(worker.batches()), absl::StrCat(worker.tokens())});
  }
  Table sessions({{"session"},
                  {"batches", Align::kRight},
                  {"empty", Align::kRight},
                  {"tokens", Align::kRight},
                  {"workers", Align::kRight}});
  for (const v1::SessionCoverage& session : coverage.sessions()) {
    sessions.AddRow({SessionId(session.session()), absl::StrCat(session.batches()),
                     absl::StrCat(session.empty_batches()), absl::StrCat(session.tokens()),
                     absl::StrCat(session.workers_size())});
  }
  std::cout << workers.ToString() << '\n' << sessions.ToString();
  for (const std::string& name : coverage.unobserved()) {
    std::cout << "never observed: " << SessionId(name) << '\n';
  }
}

int Coverage(const Global& global, const std::string& glob) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto coverage = (*client)->GetCoverage(global.RunName(), glob);
  if (!coverage.ok()) return Fail(coverage.status());
  if (global.json) {
    PrintJson(*coverage);
  } else {
    PrintTables(*coverage);
  }
  return coverage->unobserved().empty() ? kDone : kNoAnswer;
}

}  // namespace

void AddCoverage(CLI::App& app, Action& selected) {
  const auto glob = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("coverage", "Show batches and tokens by worker and by session");
  command->add_option("GLOB", *glob, "Modules to show; default: all");
  command->footer(kCoverageFooter);
  command->callback([glob, &selected] {
    selected = [glob](const Global& global) { return Coverage(global, *glob); };
  });
}

}  // namespace calipers::client
