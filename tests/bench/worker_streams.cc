#include "tests/bench/worker_streams.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "client/library/client.h"
#include "client/library/observation_stream.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"

namespace calipers::bench {
namespace {

using Clock = std::chrono::steady_clock;

void Check(const absl::Status& status) {
  if (!status.ok()) Fail(std::string(status.message()));
}

v1::ObservationHeader Header(const WorkerLoad& load, std::int64_t index) {
  v1::ObservationHeader header;
  header.set_session(kSession);
  header.set_index(index);
  header.set_dtype("BF16");
  header.add_shape(1);
  header.add_shape(static_cast<std::int64_t>(load.tensor_bytes / 2));
  return header;
}

}  // namespace

double WorkerStreams(const std::string& target, const WorkerLoad& load) {
  const auto client = client::Client::Connect(target, {});
  Check(client.status());
  const auto tensor = std::make_shared<const std::string>(load.tensor_bytes, '\x3B');
  const absl::Span<const std::byte> data(reinterpret_cast<const std::byte*>(tensor->data()),
                                         tensor->size());
  // The last thread to pass deletes the barrier.
  auto* const all_ready = new absl::Barrier(load.streams + 1);
  std::vector<std::thread> threads;
  for (int s = 0; s < load.streams; ++s) {
    threads.emplace_back([&, all_ready, s] {
      const auto channel = (*client)->NewChannel();
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30));
      client::StreamOptions options;
      options.piece_bytes = load.piece_bytes;
      client::ObservationStream stream(
          channel, options, [](const auto&, const auto& ack) { Fail(ack.status().message()); });
      if (all_ready->Block()) delete all_ready;
      for (int i = 0; i < load.tensors; ++i) {
        Check(stream.Observe(Header(load, std::int64_t{s} * load.tensors + i), data, tensor));
      }
      Check(stream.Finish());
    });
  }
  const Clock::time_point begin = Clock::now();
  if (all_ready->Block()) delete all_ready;
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace calipers::bench
