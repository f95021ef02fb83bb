// Ingest and queries beside raw gRPC over the same transport: the same client sends
// the same bytes in the same messages to calipers-server and to a server that only
// discards them, or only adds them up. Rounds alternate; medians are compared.

#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calipers/v1/calibration.grpc.pb.h"
#include "core/element.h"
#include "tests/bench/child.h"
#include "tests/bench/raw_client.h"
#include "tests/bench/raw_server.h"

namespace calipers::bench {
namespace {

constexpr char kObserve[] = "/calipers.v1.Calibration/Observe";
constexpr char kSession[] = "runs/bench/sessions/m/input";

struct Options {
  int rounds = 9;
  std::string server;
  std::string json;
  std::string only = "*";
};

// One line of the table. `peers` are other servers' figures, in the same unit.
struct Row {
  std::string name;
  std::string unit;
  double calipers = 0;
  double limit = 0;
  bool less_is_better = false;
  std::vector<std::pair<std::string, double>> peers;
};

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

grpc::ByteBuffer Serialized(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

class Bench {
 public:
  Bench(const Options& options, const std::string& self)
      : rounds_(options.rounds),
        calipers_child_({options.server, "--listen", "127.0.0.1:0", "--log-level", "error"}),
        raw_child_({self, "--serve-raw"}),
        calipers_(calipers_child_.target()),
        raw_(raw_child_.target()) {}

  bool ready() const { return !calipers_child_.target().empty() && !raw_child_.target().empty(); }

  // Tensors of one size over one stream.
  Row Tensors(std::size_t tensor_bytes, std::size_t piece_bytes) {
    // Enough for a round to take a good part of a second.
    const std::size_t count =
        std::max<std::size_t>(1, (std::size_t{512} << 20) / std::max(tensor_bytes, piece_bytes));
    const int pieces = static_cast<int>((tensor_bytes + piece_bytes - 1) / piece_bytes);
    const double gigabytes = static_cast<double>(count * tensor_bytes) / 1e9;
    std::vector<double> calipers;
    std::vector<double> discard;
    std::vector<double> sum;
    for (int round = 0; round < rounds_; ++round) {
      Fresh("STRATEGY_TENSOR");
      std::vector<grpc::ByteBuffer> messages = TensorMessages(tensor_bytes, piece_bytes, count);
      calipers.push_back(gigabytes / calipers_.Stream(kObserve, messages, pieces));
      discard.push_back(gigabytes / raw_.Stream("/raw/Discard", messages, pieces));
      sum.push_back(gigabytes / raw_.Stream("/raw/Sum", messages, pieces));
    }
    return {"",
            "GB/s",
            Median(calipers),
            Median(discard),
            false,
            {{"raw gRPC, bytes summed", Median(sum)}}};
  }

  // Reduced records of one float pair, many in a message.
  Row Records(int records_a_message) {
    constexpr int kMessages = 300;
    const double records = kMessages * records_a_message;
    std::vector<double> calipers;
    std::vector<double> discard;
    for (int round = 0; round < rounds_; ++round) {
      Fresh("STRATEGY_TENSOR");
      std::vector<grpc::ByteBuffer> messages = RecordMessages(kMessages, records_a_message);
      calipers.push_back(records / calipers_.Stream(kObserve, messages, 1));
      discard.push_back(records / raw_.Stream("/raw/Discard", messages, 1));
    }
    return {"", "records/s", Median(calipers), Median(discard), false, {}};
  }

  Row Queries() {
    constexpr int kCalls = 500;
    Fresh("STRATEGY_TENSOR");
    std::vector<grpc::ByteBuffer> messages = RecordMessages(1, 100);
    calipers_.Stream(kObserve, messages, 1);
    v1::GetMinMaxRequest request;
    request.set_name(kSession);
    const grpc::ByteBuffer bytes = Serialized(request);
    std::vector<double> calipers;
    std::vector<double> echo;
    for (int call = 0; call < rounds_ * kCalls; ++call) {
      calipers.push_back(1e6 * calipers_.Unary("/calipers.v1.Calibration/GetMinMax", bytes));
      echo.push_back(1e6 * raw_.Unary("/raw/Echo", bytes));
    }
    return {"", "us", Median(calipers), Median(echo), true, {}};
  }

 private:
  // An empty session in a run of its own.
  void Fresh(const std::string& strategy) {
    v1::DeleteRunRequest old;
    old.set_name("runs/bench");
    calipers_.Unary("/calipers.v1.Calibration/DeleteRun", Serialized(old));
    v1::CreateSessionRequest create;
    create.set_parent("runs/bench");
    create.set_session_id("m/input");
    v1::Strategy parsed{};
    v1::Strategy_Parse(strategy, &parsed);
    create.mutable_session()->mutable_args()->set_strategy(parsed);
    calipers_.Unary("/calipers.v1.Calibration/CreateSession", Serialized(create));
  }

  // The tensor's bytes are shared by all messages: what is measured is not their
  // making.
  static std::vector<grpc::ByteBuffer> TensorMessages(std::size_t tensor_bytes,
                                                      std::size_t piece_bytes, std::size_t count) {
    std::mt19937_64 random(1);
    std::string data(std::min(tensor_bytes, piece_bytes), '\0');
    for (char& c : data) c = static_cast<char>(random() & 0xBB);
    const grpc::Slice shared(data);
    std::vector<grpc::ByteBuffer> messages;
    for (std::size_t index = 0; index < count; ++index) {
      for (std::size_t sent = 0; sent < tensor_bytes; sent += piece_bytes) {
        v1::ObserveRequest request;
        if (sent == 0) {
          v1::ObservationHeader* header = request.mutable_header();
          header->set_session(kSession);
          header->set_index(static_cast<std::int64_t>(index));
          header->set_dtype("BF16");
          header->add_shape(1);
          header->add_shape(static_cast<std::int64_t>(tensor_bytes / 2));
        }
        const std::size_t size = std::min(piece_bytes, tensor_bytes - sent);
        std::string front = request.SerializeAsString();
        // The data field: its tag (field 15, length-delimited) and its length.
        front += '\x7a';
        for (std::size_t left = size;; left >>= 7) {
          if (left < 0x80) {
            front += static_cast<char>(left);
            break;
          }
          front += static_cast<char>(0x80 | (left & 0x7F));
        }
        const grpc::Slice slices[] = {grpc::Slice(front),
                                      size == shared.size() ? shared : shared.sub(0, size)};
        messages.emplace_back(slices, 2);
      }
    }
    return messages;
  }

  static std::vector<grpc::ByteBuffer> RecordMessages(int messages, int records_a_message) {
    std::vector<grpc::ByteBuffer> result;
    std::int64_t index = 0;
    for (int m = 0; m < messages; ++m) {
      v1::ObserveRequest request;
      for (int r = 0; r < records_a_message; ++r) {
        v1::ReducedObservation* reduced = request.mutable_reduced()->add_observations();
        reduced->mutable_header()->set_session(kSession);
        reduced->mutable_header()->set_index(index++);
        reduced->mutable_header()->set_dtype("F32");
        reduced->mutable_header()->add_shape(1);
        reduced->mutable_header()->add_shape(64);
        std::string end(4, '\0');
        StoreElement(Dtype::kF32, -static_cast<double>(index % 97),
                     reinterpret_cast<std::byte*>(end.data()));
        reduced->set_min(end);
        StoreElement(Dtype::kF32, static_cast<double>(index % 89),
                     reinterpret_cast<std::byte*>(end.data()));
        reduced->set_max(end);
      }
      result.push_back(Serialized(request));
    }
    return result;
  }

  const int rounds_;
  const Child calipers_child_;
  const Child raw_child_;
  RawClient calipers_;
  RawClient raw_;
};

nlohmann::ordered_json ToJson(const Row& row) {
  nlohmann::ordered_json peers = nlohmann::ordered_json::object();
  for (const auto& [name, value] : row.peers) peers[name] = value;
  const double ratio = row.less_is_better ? row.limit / row.calipers : row.calipers / row.limit;
  return {{"name", row.name},   {"unit", row.unit}, {"calipers", row.calipers},
          {"limit", row.limit}, {"ratio", ratio},   {"peers", std::move(peers)}};
}

int Run(const Options& options, const std::string& self) {
  Bench bench(options, self);
  if (!bench.ready()) {
    std::cerr << "the servers did not start\n";
    return 1;
  }
  constexpr std::size_t kKiB = 1024;
  const std::pair<std::size_t, std::size_t> sizes[] = {
      {64 * kKiB, 64 * kKiB},      {256 * kKiB, 256 * kKiB},    {1024 * kKiB, 1024 * kKiB},
      {4096 * kKiB, 1024 * kKiB},  {65536 * kKiB, 256 * kKiB},  {65536 * kKiB, 1024 * kKiB},
      {65536 * kKiB, 4096 * kKiB}, {65536 * kKiB, 15360 * kKiB}};
  std::vector<std::pair<std::string, std::function<Row()>>> all;
  for (const auto& [tensor, piece] : sizes) {
    all.emplace_back(
        absl::StrCat("ingest/BF16/", tensor / kKiB, "KiB/piece", piece / kKiB, "KiB"),
        [&bench, tensor = tensor, piece = piece] { return bench.Tensors(tensor, piece); });
  }
  all.emplace_back("records/batch1000", [&bench] { return bench.Records(1000); });
  all.emplace_back("GetMinMax/idle, median", [&bench] { return bench.Queries(); });
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& [name, measure] : all) {
    if (fnmatch(options.only.c_str(), name.c_str(), 0) != 0) continue;
    Row row = measure();
    row.name = name;
    rows.push_back(ToJson(row));
    std::cerr << '.' << std::flush;
  }
  std::cerr << '\n';
  std::ofstream(options.json) << rows.dump(2) << '\n';
  return 0;
}

}  // namespace
}  // namespace calipers::bench

int main(int argc, char** argv) {
  calipers::bench::Options options;
  bool serve_raw = false;
  std::string port_file;
  CLI::App app("Measures ingest beside raw gRPC. scripts/bench runs it.");
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
