// Sends tensors as a worker of the client library does, over several streams at once,
// and prints the seconds; with --raw the same messages to a server that discards them.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "client/client.h"
#include "client/observation_stream.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"
#include "tests/bench/server_pair.h"

namespace calipers::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string target;
  int streams = 1;
  std::size_t piece_bytes = std::size_t{1} << 20;
  std::size_t tensor_bytes = std::size_t{64} << 20;
  int tensors = 4;  // a stream
  bool raw = false;
};

void Check(const absl::Status& status) {
  if (!status.ok()) Fail(std::string(status.message()));
}

double SendRaw(const Options& options) {
  std::vector<std::vector<grpc::ByteBuffer>> messages;
  for (int s = 0; s < options.streams; ++s) {
    messages.push_back(TensorMessages(options.tensor_bytes, options.piece_bytes,
                                      static_cast<std::size_t>(options.tensors)));
  }
  const std::size_t pieces = (options.tensor_bytes + options.piece_bytes - 1) / options.piece_bytes;
  return ParallelStreams(options.target, "/raw/Discard", messages, static_cast<int>(pieces));
}

void CreateSession(client::Client& client) {
  // What an earlier turn left; NOT_FOUND the first time.
  client.DeleteRun(kRun).IgnoreError();
  v1::CreateSessionRequest request;
  request.set_parent(kRun);
  request.set_session_id("m/input");
  Check(client.CreateSession(request).status());
}

v1::ObservationHeader Header(const Options& options, std::int64_t index) {
  v1::ObservationHeader header;
  header.set_session(kSession);
  header.set_index(index);
  header.set_dtype("BF16");
  header.add_shape(1);
  header.add_shape(static_cast<std::int64_t>(options.tensor_bytes / 2));
  return header;
}

double Send(const Options& options) {
  const auto client = client::Client::Connect(options.target, {});
  Check(client.status());
  CreateSession(**client);
  const auto tensor = std::make_shared<const std::string>(options.tensor_bytes, '\x3B');
  const absl::Span<const std::byte> data(reinterpret_cast<const std::byte*>(tensor->data()),
                                         tensor->size());
  // Deletes itself with the last that came.
  auto* const all_ready = new absl::Barrier(options.streams + 1);
  std::vector<std::thread> threads;
  for (int s = 0; s < options.streams; ++s) {
    threads.emplace_back([&, all_ready, s] {
      const auto channel = (*client)->NewChannel();
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30));
      client::StreamOptions stream_options;
      stream_options.piece_bytes = options.piece_bytes;
      client::ObservationStream stream(channel, stream_options, [](const auto&, const auto& ack) {
        Fail(ack.status().message());
      });
      if (all_ready->Block()) delete all_ready;
      for (int i = 0; i < options.tensors; ++i) {
        Check(stream.Observe(Header(options, std::int64_t{s} * options.tensors + i), data, tensor));
      }
      Check(stream.Finish());
    });
  }
  const Clock::time_point begin = Clock::now();
  if (all_ready->Block()) delete all_ready;
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace
}  // namespace calipers::bench

int main(int argc, char** argv) {
  calipers::bench::Options options;
  CLI::App app("Sends tensors to a server and prints the seconds. scripts/bench runs it.");
  app.add_option("--target", options.target, "HOST:PORT")->required();
  app.add_option("--streams", options.streams)->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--piece-bytes", options.piece_bytes)->capture_default_str();
  app.add_option("--tensor-bytes", options.tensor_bytes)->capture_default_str();
  app.add_option("--tensors", options.tensors, "Of each stream")->capture_default_str();
  app.add_flag("--raw", options.raw, "The target is ingest_bench's raw server");
  CLI11_PARSE(app, argc, argv);
  std::cout << (options.raw ? calipers::bench::SendRaw(options) : calipers::bench::Send(options))
            << '\n';
  return 0;
}
