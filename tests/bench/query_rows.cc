// GetMinMax compared with a unary echo of the same bytes on a similar server.

#include <atomic>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "calipers/v1/calibration.pb.h"
#include "tests/bench/requests.h"
#include "tests/bench/rows.h"

namespace calipers::bench {
namespace {

constexpr char kEcho[] = "/raw/Echo";

grpc::ByteBuffer Question() {
  v1::GetMinMaxRequest request;
  request.set_name(kSession);
  return Serialized(request);
}

double Microseconds(double seconds) { return 1e6 * seconds; }

// Makes a session that has an answer.
void Prepare(ServerPair& servers) {
  servers.Fresh();
  std::vector<grpc::ByteBuffer> messages = RecordMessages(1, 100);
  servers.calipers().Stream(kObserve, messages, 1);
}

// One call after another, each after a pause of `silence`.
Row Idle(const Programs& programs, int calls, absl::Duration silence, double quantile) {
  ServerPair servers(programs);
  Prepare(servers);
  const grpc::ByteBuffer question = Question();
  servers.raw().Connect();
  std::vector<double> calipers;
  std::vector<double> echo;
  for (int call = 0; call < calls; ++call) {
    absl::SleepFor(silence);
    calipers.push_back(Microseconds(servers.calipers().Unary(kGetMinMax, question)));
    absl::SleepFor(silence);
    echo.push_back(Microseconds(servers.raw().Unary(kEcho, question)));
  }
  return {.unit = "us",
          .calipers = Quantile(calipers, quantile),
          .limit = Quantile(echo, quantile),
          .less_is_better = true};
}

// Latencies of one call while `streams` streams send tensors as fast as they can.
std::vector<double> UnderIngest(const Child& server, const char* ingest, const char* call,
                                int streams) {
  const grpc::ByteBuffer question = Question();
  std::atomic<bool> done{false};
  std::vector<std::thread> senders;
  for (int s = 0; s < streams; ++s) {
    senders.emplace_back([&, s] {
      RawClient client(server.target());
      for (std::int64_t round = 0; !done; ++round) {
        constexpr std::size_t kTensor = std::size_t{1} << 20;
        constexpr std::size_t kPiece = std::size_t{256} << 10;
        constexpr std::size_t kCount = 128;
        std::vector<grpc::ByteBuffer> messages = TensorMessages(
            kTensor, kPiece, kCount, 1000 + (round * streams + s) * std::int64_t{kCount});
        client.Stream(ingest, messages, kTensor / kPiece);
      }
    });
  }
  RawClient client(server.target());
  client.Connect();
  std::vector<double> latencies;
  const absl::Time end = absl::Now() + absl::Seconds(5);
  while (absl::Now() < end) {
    latencies.push_back(Microseconds(client.Unary(call, question)));
    // So that these calls are no load themselves.
    absl::SleepFor(absl::Milliseconds(1));
  }
  done = true;
  for (std::thread& sender : senders) sender.join();
  return latencies;
}

Row Busy(const Programs& programs, int streams, double quantile) {
  ServerPair servers(programs);
  Prepare(servers);
  return {
      .unit = "us",
      .calipers =
          Quantile(UnderIngest(servers.calipers_child(), kObserve, kGetMinMax, streams), quantile),
      .limit = Quantile(UnderIngest(servers.raw_child(), "/raw/Discard", kEcho, streams), quantile),
      .less_is_better = true};
}

}  // namespace

std::vector<RowMaker> QueryRows(const Programs& programs, Rounds rounds) {
  std::vector<RowMaker> rows = {
      {"GetMinMax/idle, median",
       [=] { return Idle(programs, 500 * rounds, absl::ZeroDuration(), 0.5); }},
      {"GetMinMax/idle, p99",
       [=] { return Idle(programs, 500 * rounds, absl::ZeroDuration(), 0.99); }},
      {"GetMinMax/after 2 s of silence, greatest",
       [=] { return Idle(programs, rounds, absl::Seconds(2), 1); }}};
  for (const int streams : {1, 4}) {
    for (const auto& [name, quantile] : {std::pair("median", 0.5), std::pair("p99", 0.99)}) {
      rows.push_back({absl::StrCat("GetMinMax/under ingest of ", streams, " streams, ", name),
                      [=, quantile = quantile] { return Busy(programs, streams, quantile); }});
    }
  }
  return rows;
}

}  // namespace calipers::bench
