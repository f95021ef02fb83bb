// The cost of durability. A client sends the same data to servers that store them, at each
// durability, and to a server that stores nothing on disk, which is the limit. The servers take
// turns.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "calipers/v1/calibration.pb.h"
#include "tests/bench/calipers_server.h"
#include "tests/bench/data_directory.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"
#include "tests/bench/rows.h"
#include "tests/bench/server_pair.h"
#include "tests/bench/sessions.h"
#include "tests/bench/worker_streams.h"

namespace calipers::bench {
namespace {

constexpr std::size_t kDurablePiece = 256 * kKiB;
constexpr char kMemory[] = "memory";
constexpr int kDurableRounds = 5;

struct Figures {
  double speed = 0;
  double processor = 0;  // total seconds, including the background work after the last message
};
// Medians by durability, and of the server in memory.
using Measured = std::map<std::string, Figures>;

struct Side {
  std::string name;
  std::unique_ptr<DataDirectory> directory;  // nullptr in memory
  std::unique_ptr<CalipersServer> server;
  std::vector<double> speeds = {};
  std::vector<double> processor = {};
};

std::vector<Side> StartSides(const Programs& programs,
                             const std::vector<std::string>& durabilities) {
  std::vector<Side> sides;
  sides.push_back(
      {kMemory, nullptr, std::make_unique<CalipersServer>(programs, CalipersServer::InMemory())});
  for (const std::string& durability : durabilities) {
    auto directory = std::make_unique<DataDirectory>();
    auto server = std::make_unique<CalipersServer>(
        programs, CalipersServer::Durable(directory->path(), durability));
    sides.push_back({durability, std::move(directory), std::move(server)});
  }
  return sides;
}

// Rejected observations would cost nothing, but the speed would include them.
void CheckCount(CalipersServer& server, const std::string& session, std::int64_t expected) {
  v1::GetSessionRequest request;
  request.set_name(session);
  grpc::ByteBuffer answer;
  server.client().Unary("/calipers.v1.Calibration/GetSession", Serialized(request), &answer);
  v1::Session found;
  Parse(answer, found);
  const std::int64_t count = found.progress().count();
  if (count != expected) Fail(absl::StrCat(count, " of ", expected, " records are there"));
}

// The work that every server does in every round.
struct Work {
  // In the unit in which the speeds are counted.
  double amount;
  std::function<void(CalipersServer&)> prepare;
  // Returns the seconds.
  std::function<double(const std::string& target)> send;
  // Ends the program if records are missing.
  std::function<void(CalipersServer&)> check;
};

Measured Measure(const Programs& programs, const std::vector<std::string>& durabilities, int rounds,
                 const Work& work) {
  std::vector<Side> sides = StartSides(programs, durabilities);
  for (int round = 0; round < rounds; ++round) {
    for (Side& side : sides) {
      side.server->Fresh();
      work.prepare(*side.server);
      const double before = side.server->child().processor_seconds();
      side.speeds.push_back(work.amount / work.send(side.server->target()));
      work.check(*side.server);
      // Otherwise the server's background work would slow the next server.
      side.server->Settle();
      side.processor.push_back(side.server->child().processor_seconds() - before);
    }
  }
  Measured measured;
  for (const Side& side : sides) {
    measured[side.name] = {Median(side.speeds), Median(side.processor)};
  }
  return measured;
}

// Adds a row for each durability. All rows come from one measurement.
void AddRows(std::vector<RowMaker>& rows, const std::string& prefix, const char* unit,
             const std::vector<std::string>& durabilities,
             const std::function<Measured()>& measure) {
  const auto measured = std::make_shared<std::optional<Measured>>();
  for (const std::string& durability : durabilities) {
    rows.push_back({absl::StrCat(prefix, "/", durability), [=] {
                      if (!*measured) *measured = measure();
                      const Figures& memory = (*measured)->at(kMemory);
                      const Figures& durable = (*measured)->at(durability);
                      return Row{.unit = unit,
                                 .calipers = durable.speed,
                                 .limit = memory.speed,
                                 .peers = {{"processor time, times memory's",
                                            durable.processor / memory.processor}}};
                    }});
  }
}

// Tensors of one size, in pieces of the C++ client's default size.
struct TensorLoad {
  std::size_t tensor_bytes;
  int streams;
  // So many tensors that a round takes much longer than a few syncs.
  std::int64_t each() const {
    return static_cast<std::int64_t>((std::size_t{1} << 30) / tensor_bytes) / streams;
  }
  std::int64_t count() const { return each() * streams; }
  double gigabytes() const {
    return static_cast<double>(count()) * static_cast<double>(tensor_bytes) / 1e9;
  }
};

Work TensorWork(const TensorLoad& load, std::function<double(const std::string&)> send) {
  return {.amount = load.gigabytes(),
          .prepare = [](CalipersServer&) {},
          .send = std::move(send),
          .check = [=](CalipersServer& server) { CheckCount(server, kSession, load.count()); }};
}

// Sends as fast as the transport allows, without a limit for unacknowledged tensors.
Work Tensors(const TensorLoad& load) {
  const auto messages = std::make_shared<std::vector<std::vector<grpc::ByteBuffer>>>();
  for (int s = 0; s < load.streams; ++s) {
    messages->push_back(TensorMessages(load.tensor_bytes, kDurablePiece,
                                       static_cast<std::size_t>(load.each()), s * load.each()));
  }
  return TensorWork(load, [=](const std::string& target) {
    return ParallelStreams(target, kObserve, *messages, /*answer_every=*/1);
  });
}

// Sends as the C++ client does, which waits at 4096 observations or 256 MiB not acknowledged.
Work TensorsOfWorkers(const TensorLoad& load) {
  return TensorWork(load, [=](const std::string& target) {
    return WorkerStreams(target, {.streams = load.streams,
                                  .piece_bytes = kDurablePiece,
                                  .tensor_bytes = load.tensor_bytes,
                                  .tensors = static_cast<int>(load.each())});
  });
}

// Records of one float pair from 16 workers, `records_a_message` in each message.
Work Records(std::int64_t sessions, int records_a_message) {
  constexpr int kWorkers = 16;
  const std::int64_t each = records_a_message == 1 ? 5'000 : 24'000;
  const auto messages = std::make_shared<std::vector<std::vector<grpc::ByteBuffer>>>();
  for (int w = 0; w < kWorkers; ++w) {
    messages->push_back(ShareMessages({.sessions = sessions,
                                       .records = each,
                                       .records_a_message = records_a_message,
                                       .worker = w,
                                       .workers = kWorkers}));
  }
  return {.amount = static_cast<double>(each) * kWorkers,
          .prepare = [=](CalipersServer& server) { CreateSessions(server.client(), sessions); },
          .send =
              [=](const std::string& target) {
                return ParallelStreams(target, kObserve, *messages, /*answer_every=*/1);
              },
          .check =
              [=](CalipersServer& server) {
                CheckCount(server, SessionFullName(0), (each + sessions - 1) / sessions * kWorkers);
                CheckCount(server, SessionFullName(sessions - 1), each / sessions * kWorkers);
              }};
}

}  // namespace

std::vector<RowMaker> DurableIngestRows(const Programs& programs, Rounds at_most) {
  const int rounds = std::min(at_most, kDurableRounds);
  std::vector<RowMaker> rows;
  const auto add = [&](const std::string& name, const char* unit,
                       const std::vector<std::string>& durabilities, auto make_work) {
    AddRows(rows, name, unit, durabilities,
            [=] { return Measure(programs, durabilities, rounds, make_work()); });
  };
  for (const int streams : {1, 4}) {
    for (const std::size_t kib : {64, 256, 1024, 4096, 16384}) {
      const TensorLoad load{kib * kKiB, streams};
      add(absl::StrCat("durable/tensor=", kib, "KiB/streams=", streams), "GB/s", {"sync", "os"},
          [=] { return Tensors(load); });
    }
    for (const std::size_t kib : {64, 1024}) {
      const TensorLoad load{kib * kKiB, streams};
      add(absl::StrCat("durable/client/tensor=", kib, "KiB/streams=", streams), "GB/s", {"sync"},
          [=] { return TensorsOfWorkers(load); });
    }
  }
  const std::vector<std::string> all = {"sync", "os", "none"};
  for (const int batch : {1, 10, 100, 1000}) {
    add(absl::StrCat("durable/records/batch=", batch), "records/s", all,
        [=] { return Records(kLlamaSessions, batch); });
  }
  add("durable/records/batch=100/one session", "records/s", all, [] { return Records(1, 100); });
  return rows;
}

}  // namespace calipers::bench
