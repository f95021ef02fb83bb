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

// Medians, in ms.
struct Restart {
  double serving = 0;      // from the start of the process to a connection
  double first_query = 0;  // after that, for a session that was not read yet
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

// Starts a server on the data in `directory`, asks one question, and stops the server.
void StartOnce(const Programs& programs, const DataDirectory& directory,
               std::vector<double>& serving, std::vector<double>& first_query) {
  const Clock::time_point begin = Clock::now();
  CalipersServer server(programs, CalipersServer::Durable(directory.path(), "sync"));
  server.client().Connect();
  serving.push_back(Milliseconds(std::chrono::duration<double>(Clock::now() - begin).count()));
  v1::GetMinMaxRequest request;
  request.set_name(SessionFullName(0));
  first_query.push_back(Milliseconds(server.client().Unary(kGetMinMax, Serialized(request))));
}

// Each start has the same data: a copy of `directory`.
Restart MeasureOn(const Programs& programs, const DataDirectory& directory, int rounds) {
  std::vector<double> serving;
  std::vector<double> first_query;
  std::vector<double> rocksdb;
  for (int round = 0; round < rounds; ++round) {
    StartOnce(programs, DataDirectory(directory), serving, first_query);
    rocksdb.push_back(Milliseconds(OpenAndReadSessions(DataDirectory(directory).path())));
  }
  return {Median(serving), Median(first_query), Median(rocksdb)};
}

Restarts Measure(const Programs& programs, int rounds, std::int64_t sessions,
                 std::int64_t records) {
  const DataDirectory directory;
  Fill(programs, directory, sessions, records, &CalipersServer::Kill);
  Restarts restarts;
  restarts.after_kill = MeasureOn(programs, directory, rounds);
  // Starts on the data after the kill, and stops properly.
  CalipersServer(programs, CalipersServer::Durable(directory.path(), "sync")).Stop();
  restarts.after_stop = MeasureOn(programs, directory, rounds);
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
                                                          {100, 1'000'000},
                                                          {10'000, 1'000'000},
                                                          {100'000, 1'000'000},
                                                          {1'000'000, 1'000'000}}) {
    // One measurement gives both rows.
    const auto measured = std::make_shared<std::optional<Restarts>>();
    const auto add = [&, sessions = sessions, records = records](const char* after,
                                                                 Restart Restarts::*restart) {
      rows.push_back(
          {absl::StrCat("durable/restart/sessions=", sessions, "/records=", records, "/", after),
           [=] {
             if (!*measured) *measured = Measure(programs, rounds, sessions, records);
             const Restart& figures = (**measured).*restart;
             return Row{.unit = "ms",
                        .calipers = figures.serving,
                        .limit = figures.rocksdb,
                        .less_is_better = true,
                        .peers = {{"first GetMinMax", figures.first_query}}};
           }});
    };
    add("stopped", &Restarts::after_stop);
    add("killed", &Restarts::after_kill);
  }
  return rows;
}

}  // namespace calipers::bench
