// One of several workers that synchronize their ranges. In each round it sends one reduced record
// for every observer, and reads the answer with the records of all workers. The read is also a
// barrier. Prints the milliseconds of each round.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/library/client.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"

namespace calipers::bench {
namespace {

struct Options {
  std::string target;
  int worker = 0;
  int workers = 4;
  int observers = 448;
  int rounds = 20;
};

void Check(const absl::Status& status) {
  if (!status.ok()) Fail(std::string(status.message()));
}

std::vector<std::string> CreateSessions(const client::Client& client, int observers) {
  std::vector<std::string> names;
  for (int i = 0; i < observers; ++i) {
    v1::CreateSessionRequest request;
    request.set_parent(kRun);
    request.set_session_id(absl::StrCat("model.layers.", i, ".mlp.down_proj/input"));
    const auto session = client.CreateSession(request);
    Check(session.status());
    names.push_back(session->name());
  }
  return names;
}

void Run(const Options& options) {
  const auto client = client::Client::Connect(options.target, {});
  Check(client.status());
  const std::vector<std::string> names = CreateSessions(**client, options.observers);
  grpc::ClientContext context;
  const auto stream = (*client)->stub().Observe(&context);
  for (int round = 0; round < options.rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    v1::ObserveRequest request;
    const std::int64_t index = std::int64_t{round} * options.workers + options.worker;
    for (const std::string& name : names) AddRecord(request, name, index);
    if (!stream->Write(request)) Fail("the stream broke");
    v1::ObserveResponse response;
    for (int acknowledged = 0; acknowledged < options.observers;) {
      if (!stream->Read(&response)) Fail("the stream ended");
      acknowledged += response.acks_size();
    }
    const auto results = (*client)->BatchGetMinMax(
        kRun, names, std::int64_t{round + 1} * options.workers, {"range"});
    Check(results.status());
    for (const auto& result : *results) {
      if (!result.has_min_max()) Fail(result.status().message());
    }
    std::cout << std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
                     .count()
              << '\n';
  }
  stream->WritesDone();
  if (const grpc::Status status = stream->Finish(); !status.ok()) Fail(status.error_message());
}

}  // namespace
}  // namespace calipers::bench

int main(int argc, char** argv) {
  calipers::bench::Options options;
  CLI::App app("One of the workers that synchronise observers. scripts/bench runs it.");
  app.add_option("--target", options.target, "HOST:PORT")->required();
  app.add_option("--worker", options.worker)->required();
  app.add_option("--workers", options.workers)->capture_default_str();
  app.add_option("--observers", options.observers)->capture_default_str();
  app.add_option("--rounds", options.rounds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  calipers::bench::Run(options);
  return 0;
}
