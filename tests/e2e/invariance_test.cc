// Equal series give equal answers, bit for bit, for any number of workers, and any order,
// repetition and division into pieces of the observations.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calipers/v1/calibration.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/server.h"
#include "tests/support/connect.h"

namespace calipers {
namespace {

using server::Server;
using v1::ObservationAck;

constexpr int kBatches = 40;

struct SessionCase {
  std::string id;
  v1::Session spec;
  std::string dtype;
  std::size_t element_size;
  std::vector<std::int64_t> shape;
};

// One session for each order in which a tensor is traversed.
std::vector<SessionCase> Cases() {
  std::vector<SessionCase> cases;
  const auto add = [&cases](std::string base, v1::Strategy strategy, std::string dtype,
                            std::size_t size, std::vector<std::int64_t> shape) -> v1::Session& {
    SessionCase c{absl::StrCat("model.layers.", cases.size(), "/", base), {}, dtype, size, shape};
    c.spec.mutable_args()->set_strategy(strategy);
    return cases.emplace_back(std::move(c)).spec;
  };
  add("input", v1::STRATEGY_TENSOR, "F32", 4, {2, 5, 33});
  add("output", v1::STRATEGY_GROUP, "BF16", 2, {3, 7, 64}).mutable_args()->set_group_size(16);
  add("input", v1::STRATEGY_TENSOR_GROUP, "F16", 2, {1, 9, 48}).mutable_args()->set_group_size(8);
  add("output", v1::STRATEGY_TOKEN, "F64", 8, {2, 6, 17});
  add("weight", v1::STRATEGY_CHANNEL, "F32", 4, {13, 40});
  v1::Session& block = add("weight", v1::STRATEGY_BLOCK, "BF16", 2, {10, 21});
  block.mutable_args()->add_block_structure(4);
  block.mutable_args()->add_block_structure(8);
  add("q", v1::STRATEGY_ATTN_HEAD, "BF16", 2, {2, 4, 5, 16})
      .set_arithmetic(v1::ARITHMETIC_REFERENCE);
  add("k", v1::STRATEGY_TENSOR, "F8_E4M3", 1, {1, 2, 3, 8});
  add("input", v1::STRATEGY_TENSOR, "I8", 1, {4, 4, 4})
      .mutable_args()
      ->set_observer("static_minmax");
  return cases;
}

// Batch `index` of a session; every call returns the same bytes. The last batches of the first two
// sessions have random bits, including NaN and infinity. All other floats are finite, so that
// averages stay numbers.
std::string TensorBytes(const SessionCase& c, std::size_t session, int index) {
  std::int64_t elements = 1;
  for (std::int64_t d : c.shape) elements *= d;
  std::string bytes(static_cast<std::size_t>(elements) * c.element_size, '\0');
  std::mt19937_64 random(session * 1000 + static_cast<std::size_t>(index));
  const bool any_bits = c.dtype == "I8" || (session < 2 && index >= kBatches - 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool top_byte = i % c.element_size == c.element_size - 1;
    // Clears a bit of the exponent, so that no float dtype has the exponent of all ones.
    const std::uint64_t bits = random();
    bytes[i] = static_cast<char>(top_byte && !any_bits ? bits & 0xBB : bits & 0xFF);
  }
  return bytes;
}

struct Work {
  std::size_t session;
  int index;
};

// Sends its share over one stream, in pieces of random size, with every tenth message twice. Checks
// the acknowledgement of each observation.
class Worker {
 public:
  Worker(std::shared_ptr<grpc::Channel> channel, std::string parent,
         const std::vector<SessionCase>& cases, std::vector<Work> work, unsigned seed)
      : stub_(v1::Calibration::NewStub(channel)),
        parent_(std::move(parent)),
        cases_(cases),
        work_(std::move(work)),
        random_(seed) {}

  void Run() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
    const auto stream = stub_->Observe(&context);
    std::int64_t expected = 0;
    for (std::size_t i = 0; i < work_.size(); ++i) {
      Send(*stream, work_[i]);
      ++expected;
      if (i % 10 == 9) {
        Send(*stream, work_[i]);
        ++expected;
      }
    }
    stream->WritesDone();
    v1::ObserveResponse response;
    while (stream->Read(&response)) {
      for (const ObservationAck& ack : response.acks()) {
        EXPECT_EQ(ack.ordinal(), acked_++);
        ++outcomes_[ack.outcome()];
      }
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(acked_, expected);
  }

  const std::map<int, int>& outcomes() const { return outcomes_; }

 private:
  using Stream = grpc::ClientReaderWriter<v1::ObserveRequest, v1::ObserveResponse>;

  void Send(Stream& stream, const Work& work) {
    const SessionCase& c = cases_[work.session];
    const std::string bytes = TensorBytes(c, work.session, work.index);
    v1::ObserveRequest request;
    v1::ObservationHeader* header = request.mutable_header();
    header->set_session(absl::StrCat(parent_, "/sessions/", c.id));
    header->set_index(work.index);
    header->set_dtype(c.dtype);
    header->mutable_shape()->Assign(c.shape.begin(), c.shape.end());
    std::size_t at = 0;
    do {
      const std::size_t left = bytes.size() - at;
      const std::size_t size = random_() % 4 == 0 ? left : random_() % (left + 1);
      request.set_data(bytes.substr(at, size));
      ASSERT_TRUE(stream.Write(request));
      request.Clear();
      at += size;
    } while (at < bytes.size());
  }

  const std::unique_ptr<v1::Calibration::Stub> stub_;
  const std::string parent_;
  const std::vector<SessionCase>& cases_;
  const std::vector<Work> work_;
  std::mt19937 random_;
  std::int64_t acked_ = 0;
  std::map<int, int> outcomes_;
};

class InvarianceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server::Config config;
    config.store = server::StoreKind::kMemory;
    config.listen = "127.0.0.1:0";
    auto server = Server::Start(config);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = calipers::testing::Connect(server_->port());
    stub_ = v1::Calibration::NewStub(channel_);
  }

  // Creates the sessions of a run, and sends all batches with `workers` workers.
  v1::BatchGetMinMaxResponse Calibrate(const std::string& run, int workers, unsigned seed) {
    const std::string parent = absl::StrCat("runs/", run);
    for (const SessionCase& c : cases_) {
      v1::CreateSessionRequest request;
      request.set_parent(parent);
      request.set_session_id(c.id);
      *request.mutable_session() = c.spec;
      grpc::ClientContext context;
      v1::Session session;
      const grpc::Status status = stub_->CreateSession(&context, request, &session);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    std::vector<Work> work;
    for (std::size_t session = 0; session < cases_.size(); ++session) {
      for (int index = 0; index < kBatches; ++index) work.push_back({session, index});
    }
    std::shuffle(work.begin(), work.end(), std::mt19937(seed));
    SendAll(parent, work, workers, seed);
    return Ask(parent);
  }

  void SendAll(const std::string& parent, const std::vector<Work>& work, int workers,
               unsigned seed) {
    std::vector<std::unique_ptr<Worker>> crew;
    std::vector<std::thread> threads;
    for (int w = 0; w < workers; ++w) {
      std::vector<Work> share;
      for (std::size_t i = static_cast<std::size_t>(w); i < work.size();
           i += static_cast<std::size_t>(workers)) {
        share.push_back(work[i]);
      }
      crew.push_back(std::make_unique<Worker>(calipers::testing::Connect(server_->port()), parent,
                                              cases_, share,
                                              seed * 100 + static_cast<unsigned>(w)));
    }
    for (auto& worker : crew) threads.emplace_back([&worker] { worker->Run(); });
    for (std::thread& thread : threads) thread.join();
    std::map<int, int> outcomes;
    int repeated = 0;
    for (const auto& worker : crew) {
      for (const auto& [outcome, count] : worker->outcomes()) outcomes[outcome] += count;
    }
    for (const auto& [outcome, count] : outcomes) repeated += count;
    repeated -= static_cast<int>(work.size());
    EXPECT_EQ(outcomes[ObservationAck::OUTCOME_STORED], static_cast<int>(work.size()));
    EXPECT_EQ(outcomes[ObservationAck::OUTCOME_DUPLICATE], repeated);
    EXPECT_GT(repeated, 0);
  }

  v1::BatchGetMinMaxResponse Ask(const std::string& parent) {
    v1::BatchGetMinMaxRequest request;
    request.set_parent(parent);
    for (const SessionCase& c : cases_) {
      request.add_names(absl::StrCat(parent, "/sessions/", c.id));
    }
    grpc::ClientContext context;
    v1::BatchGetMinMaxResponse response;
    const grpc::Status status = stub_->BatchGetMinMax(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    for (auto& result : *response.mutable_results()) {
      EXPECT_TRUE(result.has_min_max()) << result.status().message();
      EXPECT_EQ(result.min_max().progress().count(), kBatches);
      EXPECT_EQ(result.min_max().progress().contiguous_prefix(), kBatches);
      EXPECT_EQ(result.min_max().progress().missing_range_count(), 0);
      result.mutable_min_max()->clear_session();  // differs only in the run's name
    }
    return response;
  }

  const std::vector<SessionCase> cases_ = Cases();
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Calibration::Stub> stub_;
};

TEST_F(InvarianceTest, WorkersOrderRepeatsAndCutsChangeNoBit) {
  const std::string one = Calibrate("one", 1, 1).SerializeAsString();
  EXPECT_EQ(Calibrate("two", 2, 2).SerializeAsString(), one);
  EXPECT_EQ(Calibrate("eight", 8, 3).SerializeAsString(), one);
}

TEST_F(InvarianceTest, AnswersAskedForOnTheWayChangeNothing) {
  const std::string undisturbed = Calibrate("undisturbed", 1, 4).SerializeAsString();
  std::thread asker([this] {
    for (int i = 0; i < 200; ++i) {
      v1::GetMinMaxRequest request;
      request.set_name(absl::StrCat("runs/asked/sessions/",
                                    cases_[static_cast<std::size_t>(i) % cases_.size()].id));
      grpc::ClientContext context;
      v1::MinMax response;
      stub_->GetMinMax(&context, request, &response);
    }
  });
  const std::string asked = Calibrate("asked", 4, 5).SerializeAsString();
  asker.join();
  EXPECT_EQ(asked, undisturbed);
}

TEST_F(InvarianceTest, AnotherSeriesGivesAnotherAnswer) {
  const std::string before = Calibrate("changed", 1, 6).SerializeAsString();
  const std::string parent = "runs/changed";
  Worker worker(channel_, parent, cases_, {{4, kBatches}}, 7);
  worker.Run();
  v1::GetMinMaxRequest request;
  request.set_name(absl::StrCat(parent, "/sessions/", cases_[4].id));
  grpc::ClientContext context;
  v1::MinMax response;
  ASSERT_TRUE(stub_->GetMinMax(&context, request, &response).ok());
  EXPECT_EQ(response.progress().count(), kBatches + 1);
  v1::BatchGetMinMaxResponse old;
  ASSERT_TRUE(old.ParseFromString(before));
  EXPECT_NE(response.range().SerializeAsString(),
            old.results(4).min_max().range().SerializeAsString());
}

}  // namespace
}  // namespace calipers
