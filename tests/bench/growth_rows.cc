// The cost of Calipers as sessions, workers and tensors grow.

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "calipers/v1/calibration.pb.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"
#include "tests/bench/rows.h"
#include "tests/bench/sessions.h"

namespace calipers::bench {
namespace {

// --- sessions ---

struct Latency {
  double call = 0;  // us
  double echo = 0;  // an echo of the same bytes; both calls take turns
};

struct SessionCosts {
  double open = 0;  // sessions created per second
  Latency lookup;
  double list = 0;         // us per page of 100
  double memory = 0;       // bytes per session, before it has records
  double records = 0;      // records per second, one record for each session
  double used_memory = 0;  // bytes per session, after each has a record
};

// The median of calls for random sessions.
Latency Lookup(ServerPair& servers, std::int64_t count) {
  std::mt19937_64 random(1);
  std::vector<double> calls;
  std::vector<double> echoes;
  for (int call = 0; call < 2000; ++call) {
    v1::GetSessionRequest request;
    request.set_name(SessionFullName(static_cast<std::int64_t>(random() >> 1) % count));
    const grpc::ByteBuffer bytes = Serialized(request);
    calls.push_back(1e6 * servers.calipers().Unary("/calipers.v1.Calibration/GetSession", bytes));
    echoes.push_back(1e6 * servers.raw().Unary("/raw/Echo", bytes));
  }
  return {Median(calls), Median(echoes)};
}

// The median time of up to 300 consecutive pages, in us.
double List(ServerPair& servers) {
  std::vector<double> seconds;
  v1::ListSessionsRequest request;
  request.set_parent(kRun);
  request.set_page_size(100);
  do {
    grpc::ByteBuffer answer;
    seconds.push_back(servers.calipers().Unary("/calipers.v1.Calibration/ListSessions",
                                               Serialized(request), &answer));
    v1::ListSessionsResponse page;
    Parse(answer, page);
    if (page.sessions().empty()) Fail("ListSessions: an empty page");
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && seconds.size() < 300);
  return 1e6 * Median(seconds);
}

SessionCosts MeasureSessions(const Programs& programs, std::int64_t count) {
  ServerPair servers(programs);
  // Calls, threads and code use their memory before the measurement of memory begins.
  servers.Fresh();
  CreateSessions(servers.calipers(), 1000);
  servers.Fresh();
  const std::int64_t before = servers.calipers_child().resident_bytes();
  SessionCosts costs;
  costs.open = static_cast<double>(count) / CreateSessions(servers.calipers(), count);
  const auto each = [&] {
    return static_cast<double>(servers.calipers_child().resident_bytes() - before) /
           static_cast<double>(count);
  };
  costs.memory = each();
  costs.lookup = Lookup(servers, count);
  costs.list = List(servers);
  std::vector<grpc::ByteBuffer> messages = ShareMessages({.sessions = count, .records = count});
  costs.records = static_cast<double>(count) /
                  servers.calipers().Stream(kObserve, messages, /*answer_every=*/1);
  costs.used_memory = each();
  return costs;
}

void AddSessions(std::vector<RowMaker>& rows, const Programs& programs) {
  // One measurement gives all rows of a count.
  const auto measured = std::make_shared<std::map<std::int64_t, SessionCosts>>();
  const auto costs = [=](std::int64_t count) -> const SessionCosts& {
    const auto it = measured->find(count);
    if (it != measured->end()) return it->second;
    return measured->emplace(count, MeasureSessions(programs, count)).first->second;
  };
  for (const std::int64_t count : {100, 1000, 10'000, 100'000, 1'000'000}) {
    const std::string prefix = absl::StrCat("growth/sessions=", count, "/");
    const auto add = [&](const char* figure, const char* unit, auto cost) {
      rows.push_back(
          {prefix + figure, [=] { return Row{.unit = unit, .calipers = costs(count).*cost}; }});
    };
    add("open", "sessions/s", &SessionCosts::open);
    rows.push_back(
        {prefix + "lookup", [=] {
           const Latency& lookup = costs(count).lookup;
           return Row{
               .unit = "us", .calipers = lookup.call, .limit = lookup.echo, .less_is_better = true};
         }});
    add("list", "us", &SessionCosts::list);
    add("records", "records/s", &SessionCosts::records);
    // For a small number of sessions, the rounding to pages would dominate the figure.
    if (count < 10'000) continue;
    add("memory", "bytes", &SessionCosts::memory);
    add("used_memory", "bytes", &SessionCosts::used_memory);
  }
}

// --- workers ---

// `total` observations over `workers` streams. `make` makes the messages of one stream. `limit` is
// the method of the raw server for the comparison.
template <typename Make>
Row Streams(const Programs& programs, int rounds, int workers, double total, const char* unit,
            int answer_every, const char* limit, Make make) {
  ServerPair servers(programs);
  std::vector<std::vector<grpc::ByteBuffer>> messages;
  for (int w = 0; w < workers; ++w) messages.push_back(make(w));
  std::vector<double> calipers;
  std::vector<double> raw;
  for (int round = 0; round < rounds; ++round) {
    servers.Fresh();
    calipers.push_back(total / ParallelStreams(servers.calipers_child().target(), kObserve,
                                               messages, answer_every));
    raw.push_back(total /
                  ParallelStreams(servers.raw_child().target(), limit, messages, answer_every));
  }
  return {.unit = unit, .calipers = Median(calipers), .limit = Median(raw)};
}

Row WorkersTensors(const Programs& programs, int rounds, int workers) {
  constexpr std::size_t kTensor = std::size_t{1} << 20;
  constexpr std::size_t kPiece = std::size_t{256} << 10;
  const std::size_t each = 512U / static_cast<std::size_t>(workers);
  const double total = static_cast<double>(each * kTensor) * workers / 1e9;
  return Streams(
      programs, rounds, workers, total, "GB/s", kTensor / kPiece, "/raw/Discard", [=](int w) {
        return TensorMessages(kTensor, kPiece, each, w * static_cast<std::int64_t>(each));
      });
}

Row WorkersRecords(const Programs& programs, int rounds, int workers) {
  constexpr int kBatch = 448;  // Llama-sized: an input and a weight of each linear layer
  const int each = 640 / workers;
  const double total = static_cast<double>(each) * kBatch * workers;
  return Streams(programs, rounds, workers, total, "records/s", 1, "/raw/Parse", [=](int w) {
    return RecordMessages(each, kBatch, std::int64_t{w} * each * kBatch);
  });
}

// --- tensors ---

Row TensorSize(const Programs& programs, int rounds, std::size_t tensor_bytes) {
  constexpr std::size_t kPiece = std::size_t{256} << 10;
  const std::size_t count =
      std::clamp<std::size_t>((std::size_t{512} << 20) / tensor_bytes, 1, 20'000);
  const std::size_t pieces = (tensor_bytes + kPiece - 1) / kPiece;
  return Streams(programs, rounds, 1, static_cast<double>(count * tensor_bytes) / 1e9, "GB/s",
                 static_cast<int>(pieces), "/raw/Discard",
                 [=](int) { return TensorMessages(tensor_bytes, kPiece, count); });
}

}  // namespace

std::vector<RowMaker> GrowthRows(const Programs& programs, Rounds rounds) {
  std::vector<RowMaker> rows;
  AddSessions(rows, programs);
  for (const int workers : {1, 2, 4, 8, 16, 32, 64}) {
    const std::string prefix = absl::StrCat("growth/workers=", workers, "/");
    rows.push_back({prefix + "tensors", [=] { return WorkersTensors(programs, rounds, workers); }});
    rows.push_back({prefix + "records", [=] { return WorkersRecords(programs, rounds, workers); }});
  }
  for (std::size_t kib = 1; kib <= std::size_t{1} << 20; kib *= 4) {
    rows.push_back({absl::StrCat("growth/tensor=", kib, "KiB/ingest"),
                    [=] { return TensorSize(programs, std::min(rounds, 5), kib * kKiB); }});
  }
  return rows;
}

}  // namespace calipers::bench
