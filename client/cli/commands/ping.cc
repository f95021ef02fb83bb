#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/commands/command.h"

namespace calipers::client {
namespace {

constexpr char kPingFooter[] = R"(Examples:
  calipers ping
  calipers --server calibration:50051 --timeout 2 ping

Prints whether the server is serving, and the time of one request. Exit status 3 if
the server is not serving.)";

int Ping(const Global& global) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const absl::Time start = absl::Now();
  if (const absl::Status status = (*client)->Ping(); !status.ok()) return Fail(status);
  const double milliseconds = absl::ToDoubleMilliseconds(absl::Now() - start);
  if (global.json) {
    const nlohmann::ordered_json json = {
        {"server", global.server}, {"status", "SERVING"}, {"milliseconds", milliseconds}};
    std::cout << json.dump() << '\n';
  } else {
    std::cout << absl::StrFormat("%s is serving, %.2f ms\n", global.server, milliseconds);
  }
  return kDone;
}

}  // namespace

void AddPing(CLI::App& app, Action& selected) {
  CLI::App* command = app.add_subcommand("ping", "Check that the server is serving");
  command->footer(kPingFooter);
  command->callback([&selected] { selected = Ping; });
}

}  // namespace calipers::client
