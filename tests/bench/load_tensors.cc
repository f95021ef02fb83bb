// Sends tensors over several streams at once, with the client library as a worker does, and prints
// the seconds. With --raw, sends the same messages to a server that discards them.

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "client/library/client.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"
#include "tests/bench/server_pair.h"
#include "tests/bench/worker_streams.h"

namespace calipers::bench {
namespace {

void Check(const absl::Status& status) {
  if (!status.ok()) Fail(std::string(status.message()));
}

double SendRaw(const std::string& target, const WorkerLoad& load) {
  std::vector<std::vector<grpc::ByteBuffer>> messages;
  for (int s = 0; s < load.streams; ++s) {
    messages.push_back(TensorMessages(load.tensor_bytes, load.piece_bytes,
                                      static_cast<std::size_t>(load.tensors)));
  }
  const std::size_t pieces = (load.tensor_bytes + load.piece_bytes - 1) / load.piece_bytes;
  return ParallelStreams(target, "/raw/Discard", messages, static_cast<int>(pieces));
}

void CreateSession(const std::string& target) {
  const auto client = client::Client::Connect(target, {});
  Check(client.status());
  // Deletes the run of an earlier turn; NOT_FOUND the first time.
  (*client)->DeleteRun(kRun).IgnoreError();
  v1::CreateSessionRequest request;
  request.set_parent(kRun);
  request.set_session_id("m/input");
  Check((*client)->CreateSession(request).status());
}

double Send(const std::string& target, const WorkerLoad& load) {
  CreateSession(target);
  return WorkerStreams(target, load);
}

}  // namespace
}  // namespace calipers::bench

int main(int argc, char** argv) {
  std::string target;
  calipers::bench::WorkerLoad load;
  bool raw = false;
  CLI::App app("Sends tensors to a server and prints the seconds. scripts/bench runs it.");
  app.add_option("--target", target, "HOST:PORT")->required();
  app.add_option("--streams", load.streams)->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--piece-bytes", load.piece_bytes)->capture_default_str();
  app.add_option("--tensor-bytes", load.tensor_bytes)->capture_default_str();
  app.add_option("--tensors", load.tensors, "Of each stream")->capture_default_str();
  app.add_flag("--raw", raw, "The target is ingest_bench's raw server");
  CLI11_PARSE(app, argc, argv);
  std::cout << (raw ? calipers::bench::SendRaw(target, load) : calipers::bench::Send(target, load))
            << '\n';
  return 0;
}
