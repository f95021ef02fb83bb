// Disk space of a record, compared with its own bytes: min and max.

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
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

constexpr std::int64_t kColumns = 64;

struct Disk {
  double stopped = 0;  // bytes a record
  double merged = 0;
};

std::string WeightId(std::int64_t number) {
  return absl::StrCat("model.layers.", number, ".mlp.down_proj/weight");
}

// Numbers that no compression can shrink, except for their equal sign and exponent.
std::string RandomFloats(std::mt19937& random, std::int64_t count, float sign) {
  std::uniform_real_distribution<float> range(1, 2);
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = sign * range(random);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

grpc::ByteBuffer CreateChannelwise(std::int64_t session) {
  v1::CreateSessionRequest request;
  request.set_parent(kRun);
  request.set_session_id(WeightId(session));
  request.mutable_session()->mutable_args()->set_strategy(v1::STRATEGY_CHANNEL);
  return Serialized(request);
}

// A message with the record of batch `index` for every session.
grpc::ByteBuffer BatchMessage(std::int64_t index, std::int64_t params, std::mt19937& random) {
  v1::ObserveRequest request;
  request.set_worker("rank 0");
  for (std::int64_t s = 0; s < kLlamaSessions; ++s) {
    v1::ReducedObservation& record = *request.mutable_reduced()->add_observations();
    record.mutable_header()->set_session(absl::StrCat(kRun, "/sessions/", WeightId(s)));
    record.mutable_header()->set_index(index);
    record.mutable_header()->set_dtype("F32");
    record.mutable_header()->add_shape(params);
    record.mutable_header()->add_shape(kColumns);
    record.set_min(RandomFloats(random, params, -1));
    record.set_max(RandomFloats(random, params, 1));
  }
  return Serialized(request);
}

void Fill(CalipersServer& server, std::int64_t batches, std::int64_t params) {
  std::mt19937 random(1);
  std::vector<grpc::ByteBuffer> sessions;
  for (std::int64_t s = 0; s < kLlamaSessions; ++s) sessions.push_back(CreateChannelwise(s));
  server.client().Unaries("/calipers.v1.Calibration/CreateSession", sessions, /*window=*/64);
  std::vector<grpc::ByteBuffer> messages;
  for (std::int64_t i = 0; i < batches; ++i) messages.push_back(BatchMessage(i, params, random));
  server.client().Stream(kObserve, messages, 1);
}

Disk Measure(const Programs& programs, std::int64_t records, std::int64_t params) {
  const DataDirectory directory;
  const std::int64_t batches = records / kLlamaSessions;
  CalipersServer server(programs, CalipersServer::Durable(directory.path(), "sync"));
  Fill(server, batches, params);
  server.Stop();
  const auto each = [&] {
    return static_cast<double>(directory.DiskBytes()) /
           static_cast<double>(batches * kLlamaSessions);
  };
  Disk disk;
  disk.stopped = each();
  Compact(directory.path());
  disk.merged = each();
  return disk;
}

}  // namespace

std::vector<RowMaker> DiskRows(const Programs& programs) {
  std::vector<RowMaker> rows;
  const auto add = [&](std::int64_t records, std::int64_t params) {
    const auto measured = std::make_shared<std::optional<Disk>>();
    for (const auto& [when, figure] :
         {std::pair("stopped", &Disk::stopped), std::pair("merged", &Disk::merged)}) {
      rows.push_back(
          {absl::StrCat("durable/disk/params=", params, "/", when), [=, figure = figure] {
             if (!*measured) *measured = Measure(programs, records, params);
             return Row{.unit = "bytes",
                        .calipers = (**measured).*figure,
                        .limit = static_cast<double>(2 * params * sizeof(float)),
                        .less_is_better = true};
           }});
    }
  };
  add(/*records=*/1'000'000, /*params=*/1);
  add(/*records=*/50'000, /*params=*/384);
  return rows;
}

}  // namespace calipers::bench
