// The duration of a server start on existing data, compared with RocksDB alone: opening the same
// database and reading its sessions. The files were just written, so they are in the page cache.

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calipers/v1/calibration.pb.h"
#include "tests/bench/bare_database.h"
#include "tests/bench/calipers_server.h"
#include "tests/bench/data_directory.h"
#include "tests/bench/requests.h"
#include "tests/bench/rows.h"
#include "tests/bench/sessions.h"

namespace calipers::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRestartRounds = 3;

// The last call after a start sends a record to at most this many sessions.
constexpr std::int64_t kSessionsObserved = 999;

// In ms. The three calls follow one another, and each needs sessions that were not read yet.
struct Restart {
  double serving = 0;      // from the start of the process to a connection
  double first_query = 0;  // GetMinMax of a session
  double first_ack = 0;    // a stream with one record for another session
  double all_acks = 0;     // a stream with one record for each of kSessionsObserved sessions
  double rocksdb = 0;
};
struct Restarts {
  Restart after_kill;
  Restart after_stop;
};

double Milliseconds(double seconds) { return 1e3 * seconds; }

void Fill(const Programs& programs, const DataDirectory& directory, std::int64_t sessions,
          std::int64_t records, void (CalipersServer::*end)()) {
  // Every durability writes the same data.
  CalipersServer server(programs, CalipersServer::Durable(directory.path(), "os"));
  CreateSessions(server.client(), sessions);
  std::vector<grpc::ByteBuffer> messages =
      ShareMessages({.sessions = sessions, .records = records});
  server.client().Stream(kObserve, messages, /*answer_every=*/1);
  (server.*end)();
}

// Starts a server on the data in `directory`, measures the first calls, and stops the server. Every
// session has the records 0 to `next` - 1.
Restart StartOnce(const Programs& programs, const DataDirectory& directory, std::int64_t sessions,
                  std::int64_t next) {
  Restart restart;
  const Clock::time_point begin = Clock::now();
  CalipersServer server(programs, CalipersServer::Durable(directory.path(), "sync"));
  server.client().Connect();
  restart.serving = Milliseconds(std::chrono::duration<double>(Clock::now() - begin).count());
  v1::GetMinMaxRequest question;
  question.set_name(SessionFullName(0));
  restart.first_query = Milliseconds(server.client().Unary(kGetMinMax, Serialized(question)));
  v1::ObserveRequest observation;
  AddRecord(observation, SessionFullName(sessions - 1), next);
  std::vector<grpc::ByteBuffer> one = {Serialized(observation)};
  restart.first_ack = Milliseconds(server.client().Stream(kObserve, one, /*answer_every=*/1));
  const std::int64_t observed = std::min(sessions - 1, kSessionsObserved);
  std::vector<grpc::ByteBuffer> all =
      ShareMessages({.sessions = observed, .records = observed, .worker = static_cast<int>(next)});
  restart.all_acks = Milliseconds(server.client().Stream(kObserve, all, /*answer_every=*/1));
  return restart;
}

// The medians. Each start has the same data: a copy of `directory`.
Restart MeasureOn(const Programs& programs, const DataDirectory& directory, int rounds,
                  std::int64_t sessions, std::int64_t next) {
  std::vector<Restart> starts;
  for (int round = 0; round < rounds; ++round) {
    starts.push_back(StartOnce(programs, DataDirectory(directory), sessions, next));
    starts.back().rocksdb = Milliseconds(OpenAndReadSessions(DataDirectory(directory).path()));
  }
  const auto median = [&starts](auto figure) {
    std::vector<double> values;
    for (const Restart& start : starts) values.push_back(start.*figure);
    return Median(std::move(values));
  };
  return {.serving = median(&Restart::serving),
          .first_query = median(&Restart::first_query),
          .first_ack = median(&Restart::first_ack),
          .all_acks = median(&Restart::all_acks),
          .rocksdb = median(&Restart::rocksdb)};
}

Restarts Measure(const Programs& programs, int rounds, std::int64_t sessions,
                 std::int64_t records) {
  const DataDirectory directory;
  Fill(programs, directory, sessions, records, &CalipersServer::Kill);
  Restarts restarts;
  const std::int64_t next = records / sessions;
  restarts.after_kill = MeasureOn(programs, directory, rounds, sessions, next);
  // Starts on the data after the kill, and stops properly.
  CalipersServer(programs, CalipersServer::Durable(directory.path(), "sync")).Stop();
  restarts.after_stop = MeasureOn(programs, directory, rounds, sessions, next);
  return restarts;
}

}  // namespace

std::vector<RowMaker> RestartRows(const Programs& programs, Rounds at_most) {
  const int rounds = std::min(at_most, kRestartRounds);
  std::vector<RowMaker> rows;
  for (const auto& [sessions, records] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{1000, 10'000},
                                                          {1000, 100'000},
                                                          {1000, 1'000'000},
                                                          {1000, 4'000'000},
                                                          {100, 1'000'000},
                                                          {10'000, 1'000'000},
                                                          {100'000, 1'000'000},
                                                          {1'000'000, 1'000'000}}) {
    // One measurement gives both rows.
    const auto measured = std::make_shared<std::optional<Restarts>>();
    const auto add = [&, sessions = sessions, records = records](const char* after, auto restart) {
      rows.push_back(
          {absl::StrCat("durable/restart/sessions=", sessions, "/records=", records, "/", after),
           [=] {
             if (!*measured) *measured = Measure(programs, rounds, sessions, records);
             const Restart& figures = (**measured).*restart;
             return Row{.unit = "ms",
                        .calipers = figures.serving,
                        .limit = figures.rocksdb,
                        .less_is_better = true,
                        .peers = {{"first GetMinMax", figures.first_query},
                                  {"first acknowledgement", figures.first_ack},
                                  {"acknowledgements of 999 sessions at most", figures.all_acks}}};
           }});
    };
    add("stopped", &Restarts::after_stop);
    add("killed", &Restarts::after_kill);
  }
  return rows;
}

}  // namespace calipers::bench
