// Scales and zero points of 448 sessions in one call, compared with an echo of the answer's bytes.

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calipers/v1/calibration.pb.h"
#include "tests/bench/fail.h"
#include "tests/bench/requests.h"
#include "tests/bench/rows.h"

namespace calipers::bench {
namespace {

constexpr int kQParamsSessions = 448;

// The content of every session, and the question about it.
struct Case {
  const char* name;
  const char* base_name = "weight";
  const char* scheme;
  const char* observer = "minmax";  // the scheme's observer, so that its fold is in memory
  v1::Strategy strategy;
  std::int64_t group_size = 0;  // 0: none
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t parameters;  // per session
};

constexpr Case kCases[] = {
    {.name = "FP8 inputs, 1 parameter",
     .base_name = "input",
     .scheme = "FP8",
     .observer = "static_minmax",
     .strategy = v1::STRATEGY_TENSOR,
     .rows = 64,
     .columns = 1024,
     .parameters = 1},
    {.name = "W8A8 weights, 4,096 channels",
     .scheme = "W8A8",
     .strategy = v1::STRATEGY_CHANNEL,
     .rows = 4096,
     .columns = 1024,
     .parameters = 4096},
    {.name = "W4A16_ASYM weights, 8,192 groups",
     .scheme = "W4A16_ASYM",
     .strategy = v1::STRATEGY_GROUP,
     .group_size = 128,
     .rows = 1024,
     .columns = 1024,
     .parameters = 8192},
    {.name = "NVFP4 weights, 16,384 groups",
     .scheme = "NVFP4",
     .strategy = v1::STRATEGY_TENSOR_GROUP,
     .group_size = 16,
     .rows = 256,
     .columns = 1024,
     .parameters = 16384},
};

std::string NameOf(const Case& c, int session) {
  return absl::StrCat(kRun, "/sessions/model.layers.", session, ".mlp.down_proj/", c.base_name);
}

// BF16 numbers with magnitudes around 1 and the given sign.
std::string Numbers(std::mt19937& random, std::int64_t count, std::uint16_t sign) {
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = static_cast<std::uint16_t>(sign | 0x3F00U | (random() & 0xFFU));
    bytes.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
  }
  return bytes;
}

void Create(RawClient& client, const Case& c) {
  for (int i = 0; i < kQParamsSessions; ++i) {
    v1::CreateSessionRequest request;
    request.set_parent(kRun);
    request.set_session_id(NameOf(c, i).substr(std::strlen(kRun) + std::strlen("/sessions/")));
    v1::Session& session = *request.mutable_session();
    session.set_arithmetic(v1::ARITHMETIC_REFERENCE);
    session.mutable_args()->set_strategy(c.strategy);
    session.mutable_args()->set_observer(c.observer);
    if (c.group_size > 0) session.mutable_args()->set_group_size(c.group_size);
    client.Unary("/calipers.v1.Calibration/CreateSession", Serialized(request));
  }
}

// Sends one record for each session.
void Observe(RawClient& client, const Case& c) {
  std::mt19937 random(1);
  std::vector<grpc::ByteBuffer> messages;
  for (int i = 0; i < kQParamsSessions; ++i) {
    v1::ObserveRequest request;
    v1::ReducedObservation& reduced = *request.mutable_reduced()->add_observations();
    v1::ObservationHeader& header = *reduced.mutable_header();
    header.set_session(NameOf(c, i));
    header.set_index(0);
    header.set_dtype("BF16");
    header.add_shape(c.rows);
    header.add_shape(c.columns);
    reduced.set_min(Numbers(random, c.parameters, 0x8000));
    reduced.set_max(Numbers(random, c.parameters, 0));
    messages.push_back(Serialized(request));
  }
  client.Stream(kObserve, messages, 1);
}

grpc::ByteBuffer Question(const Case& c) {
  v1::BatchGetQParamsRequest request;
  request.set_parent(kRun);
  for (int i = 0; i < kQParamsSessions; ++i) request.add_names(NameOf(c, i));
  request.add_specs()->set_scheme(c.scheme);
  return Serialized(request);
}

// Ends the program unless every session has its scales.
void Check(const Case& c, const grpc::ByteBuffer& answer) {
  v1::BatchGetQParamsResponse response;
  Parse(answer, response);
  if (response.results_size() != kQParamsSessions) Fail("answers are missing");
  for (const v1::QParamsResult& result : response.results()) {
    if (!result.has_qparams()) Fail(result.status().message());
    const std::size_t expected = static_cast<std::size_t>(c.parameters) * 2;
    if (result.qparams().scale().data().size() < expected) Fail("scales are missing");
  }
}

Row Measure(const Programs& programs, const Case& c, Rounds rounds) {
  ServerPair servers(programs);
  servers.calipers().Connect();
  servers.raw().Connect();
  Create(servers.calipers(), c);
  Observe(servers.calipers(), c);
  const grpc::ByteBuffer question = Question(c);
  std::vector<double> calipers;
  std::vector<double> echo;
  for (int round = 0; round < rounds; ++round) {
    grpc::ByteBuffer answer;
    calipers.push_back(1e3 * servers.calipers().Unary("/calipers.v1.Calibration/BatchGetQParams",
                                                      question, &answer));
    if (round == 0) Check(c, answer);
    echo.push_back(1e3 * servers.raw().Unary("/raw/Echo", answer));
  }
  return {
      .unit = "ms", .calipers = Median(calipers), .limit = Median(echo), .less_is_better = true};
}

}  // namespace

std::vector<RowMaker> QParamsRows(const Programs& programs, Rounds rounds) {
  std::vector<RowMaker> rows;
  for (const Case& c : kCases) {
    rows.push_back({absl::StrCat("qparams/", kQParamsSessions, " sessions/", c.name),
                    [=] { return Measure(programs, c, rounds); }});
  }
  return rows;
}

}  // namespace calipers::bench
