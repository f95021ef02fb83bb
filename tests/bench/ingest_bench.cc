// Compares calipers-server with raw gRPC, and a server that stores its data on disk with a server
// that does not. Each server is a separate process on loopback. Rounds alternate, and medians are
// compared. scripts/bench runs it.

#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "tests/bench/raw_server.h"
#include "tests/bench/row.h"
#include "tests/bench/rows.h"

namespace calipers::bench {
namespace {

struct Options {
  Rounds rounds = 9;
  std::string server;
  std::string json;
  std::string only = "*";
};

int Run(const Options& options, const std::string& self) {
  const Programs programs{options.server, self};
  std::vector<Row> rows;
  for (const auto& makers :
       {IngestRows(programs, options.rounds), QueryRows(programs, options.rounds),
        QParamsRows(programs, options.rounds), GrowthRows(programs, options.rounds),
        DurableIngestRows(programs, options.rounds), RestartRows(programs, options.rounds),
        DiskRows(programs)}) {
    for (const RowMaker& maker : makers) {
      if (fnmatch(options.only.c_str(), maker.name.c_str(), 0) != 0) continue;
      rows.push_back(maker.measure());
      rows.back().name = maker.name;
      std::cerr << '.' << std::flush;
    }
  }
  std::cerr << '\n';
  WriteJson(options.json, rows);
  return 0;
}

}  // namespace
}  // namespace calipers::bench

int main(int argc, char** argv) {
  calipers::bench::Options options;
  bool serve_raw = false;
  std::string port_file;
  CLI::App app("Measures ingest, queries, growth and durability. scripts/bench runs it.");
  app.add_option("--server", options.server, "The calipers-server to measure");
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--json", options.json, "Where the rows go");
  app.add_option("--only", options.only, "Rows whose name matches")->capture_default_str();
  app.add_flag("--serve-raw", serve_raw, "Be the raw server (the bench starts itself so)");
  app.add_option("--port-file", port_file);
  CLI11_PARSE(app, argc, argv);
  if (serve_raw) return calipers::bench::ServeRaw(port_file);
  return calipers::bench::Run(options, argv[0]);
}
