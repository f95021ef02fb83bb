// A statistic that only a registry contains works everywhere without any other change: from the
// session's spec and a worker's tensor through the store, a restart, a query and a run file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "core/digest/digest.h"
#include "tests/core/reduce/statistics/zero_count.h"
#include "tests/support/records.h"
#include "tests/support/run_files.h"
#include "tests/support/server_fixture.h"
#include "tests/support/temp_directory.h"

namespace calipers::server {
namespace {

using calipers::testing::Floats;
using calipers::testing::FromGrpc;
using calipers::testing::kBound;
using calipers::testing::kInput;
using calipers::testing::ObserveCall;
using calipers::testing::RecordsOf;
using calipers::testing::ServerTest;
using calipers::testing::StatusIs;
using calipers::testing::TempDirectory;
using calipers::testing::ZeroCountValue;
using ::testing::HasSubstr;

using Ack = v1::ObservationAck;

// A server with a data directory, and its client.
class DiskServer final : public ServerTest {
 public:
  explicit DiskServer(const std::string& directory) : ServerTest(OnDisk(directory)) {}

  using ServerTest::CountOf;
  using ServerTest::Create;
  using ServerTest::GetMinMax;
  using ServerTest::Observe;
  v1::Calibration::Stub& stub() { return stub_; }

 private:
  static Config OnDisk(const std::string& directory) {
    Config config = DefaultConfig();
    config.store = StoreKind::kRocksdb;
    config.data_dir = directory;
    return config;
  }
  void TestBody() override {}
};

class StatisticsTest : public ::testing::Test {
 protected:
  StatisticsTest() { server_.emplace(directory_.path()); }

  void Restart() {
    server_.reset();
    server_.emplace(directory_.path());
  }

  static v1::Session Spec(v1::Retention retention = v1::RETENTION_SERIES) {
    v1::Session spec;
    spec.add_statistics("zero_count");
    spec.set_retention(retention);
    return spec;
  }

  // Sends an observation of 2 elements that the worker has reduced.
  Ack ObserveReduced(std::int64_t index, float min, float max,
                     const std::vector<std::string>& zero_counts) {
    v1::ObserveRequest request;
    v1::ReducedObservation& observation = *request.mutable_reduced()->add_observations();
    v1::ObservationHeader& header = *observation.mutable_header();
    header.set_session(kInput);
    header.set_index(index);
    header.set_dtype("F32");
    header.add_shape(1);
    header.add_shape(2);
    observation.set_min(Floats({min}));
    observation.set_max(Floats({max}));
    for (const std::string& value : zero_counts) {
      v1::Statistic& statistic = *observation.add_statistics();
      statistic.set_name("zero_count");
      statistic.set_value(value);
    }
    ObserveCall call(server_->stub());
    EXPECT_TRUE(call.Send(request));
    call.HalfClose();
    Ack ack = call.NextAck();
    EXPECT_OK(call.Finish());
    return ack;
  }

  std::string ZerosOf(const std::string& name) {
    const auto answer = server_->GetMinMax(name);
    EXPECT_OK(answer);
    EXPECT_EQ(answer->statistics_size(), 1);
    return answer->statistics_size() == 1 ? answer->statistics(0).value() : "";
  }

  std::vector<v1::SeriesRecord> Read() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kBound);
    v1::ReadSeriesRequest request;
    request.set_name(kInput);
    const auto reader = server_->stub().ReadSeries(&context, request);
    std::vector<v1::SeriesRecord> records;
    v1::ReadSeriesResponse response;
    while (reader->Read(&response)) {
      records.insert(records.end(), response.records().begin(), response.records().end());
    }
    EXPECT_OK(FromGrpc(reader->Finish()));
    return records;
  }

  TempDirectory directory_;
  std::optional<DiskServer> server_;
};

TEST_F(StatisticsTest, SessionKeepsTheStatisticsOfItsSpec) {
  const auto session = server_->Create("m/input", Spec());
  ASSERT_OK(session);
  ASSERT_EQ(session->statistics_size(), 1);
  EXPECT_EQ(session->statistics(0), "zero_count");
  EXPECT_THAT(server_->Create("m/input"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("statistics is [zero_count]")));
  EXPECT_THAT(server_->Create("m/output", Spec()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("for inputs only")));
  v1::Session unknown;
  unknown.add_statistics("hessian");
  EXPECT_THAT(server_->Create("n/input", unknown),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"hessian\"")));
}

TEST_F(StatisticsTest, TensorAndReducedRecordHaveTheSameStatistics) {
  ASSERT_OK(server_->Create("m/input", Spec()));
  EXPECT_EQ(server_->Observe(kInput, 0, {0, 2}).outcome(), Ack::OUTCOME_STORED);
  EXPECT_EQ(ObserveReduced(0, 0, 2, {ZeroCountValue(1)}).outcome(), Ack::OUTCOME_DUPLICATE);
  // The statistic is part of the digest.
  EXPECT_EQ(ObserveReduced(0, 0, 2, {ZeroCountValue(2)}).outcome(), Ack::OUTCOME_CONFLICT);
}

// Digests are stored, so they must stay as they are. Python's xxhash 4.1 computed this one, of the
// values, the name and the value of the statistic, each behind its length as struct.pack("<Q",
// ...), with the seed of tests/server/model/digest_test.cc.
TEST_F(StatisticsTest, TheDigestNeverChanges) {
  const auto statistics = StatisticValues::Make({{"zero_count", ZeroCountValue(1)}});
  ASSERT_OK(statistics);
  Record record = *calipers::testing::MakeRecord(-1, 2, 3);
  const Digest digest = DigestOf(std::move(record).WithStatistics(*statistics));
  EXPECT_EQ(absl::BytesToHexString(
                absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size())),
            "0db3f97fefcd12dce4de17a4a52e24b5");
}

TEST_F(StatisticsTest, RecordMustHaveTheStatisticsOfItsSession) {
  ASSERT_OK(server_->Create("m/input", Spec()));
  const Ack lacks = ObserveReduced(0, 0, 2, {});
  EXPECT_EQ(lacks.outcome(), Ack::OUTCOME_REJECTED);
  EXPECT_THAT(lacks.status().message(), HasSubstr("the observation lacks it"));
  const Ack malformed = ObserveReduced(0, 0, 2, {"3"});
  EXPECT_THAT(malformed.status().message(), HasSubstr("statistic zero_count: "));
  const Ack impossible = ObserveReduced(0, 0, 2, {ZeroCountValue(3)});
  EXPECT_THAT(impossible.status().message(), HasSubstr("has 2 elements and 3 zeros"));
  const Ack twice = ObserveReduced(0, 0, 2, {ZeroCountValue(1), ZeroCountValue(1)});
  EXPECT_THAT(twice.status().message(), HasSubstr("given twice"));
  EXPECT_EQ(server_->CountOf(kInput), 0);
}

TEST_F(StatisticsTest, RecordWithOtherStatisticsThanItsSessionIsRejected) {
  ASSERT_OK(server_->Create("m/input"));
  const Ack surplus = ObserveReduced(0, 0, 2, {ZeroCountValue(1)});
  EXPECT_EQ(surplus.outcome(), Ack::OUTCOME_REJECTED);
  EXPECT_THAT(surplus.status().message(), HasSubstr("has 1 statistics; the session keeps 0"));
  EXPECT_EQ(ObserveReduced(0, 0, 2, {}).outcome(), Ack::OUTCOME_STORED);
}

TEST_F(StatisticsTest, AreFoldedAndKeptThroughARestart) {
  ASSERT_OK(server_->Create("m/input", Spec()));
  server_->Observe(kInput, 0, {0, 2});
  server_->Observe(kInput, 1, {3, 4});
  server_->Observe(kInput, 3, {0, -0.0F});
  EXPECT_EQ(ZerosOf(kInput), ZeroCountValue(3));
  Restart();
  EXPECT_EQ(ZerosOf(kInput), ZeroCountValue(3));
  server_->Observe(kInput, 2, {0, 1});
  EXPECT_EQ(ZerosOf(kInput), ZeroCountValue(4));
  const std::vector<v1::SeriesRecord> records = Read();
  ASSERT_EQ(records.size(), 4U);
  ASSERT_EQ(records[3].observation().statistics_size(), 1);
  EXPECT_EQ(records[3].observation().statistics(0).value(), ZeroCountValue(2));
}

TEST_F(StatisticsTest, FoldedSeriesKeepsTheFold) {
  ASSERT_OK(server_->Create("m/input", Spec(v1::RETENTION_FOLDED)));
  constexpr int kRecords = 200;  // more than a few checkpoints
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_EQ(server_->Observe(kInput, i, {0, 1}).outcome(), Ack::OUTCOME_STORED);
  }
  EXPECT_EQ(ZerosOf(kInput), ZeroCountValue(kRecords));
  Restart();
  EXPECT_EQ(ZerosOf(kInput), ZeroCountValue(kRecords));
}

TEST_F(StatisticsTest, RunFileHoldsTheStatistics) {
  ASSERT_OK(server_->Create("m/input", Spec()));
  server_->Observe(kInput, 0, {0, 2});
  server_->Observe(kInput, 1, {3, 4});
  const std::vector<v1::SeriesRecord> records = Read();
  TempDirectory files;
  std::filesystem::create_directory(files.path());
  const std::string path = files.path() + "/run.safetensors";
  v1::Session session = Spec();
  session.set_observed_dtype("F32");
  session.add_qparam_shape(1);
  calipers::testing::WriteRunFile(path, {{"m/input", session, records}});
  const auto file = client::RunFile::Open(path);
  ASSERT_OK(file);
  const std::vector<v1::SeriesRecord> read = RecordsOf(file->sessions().at(0));
  ASSERT_EQ(read.size(), 2U);
  for (std::size_t i = 0; i < read.size(); ++i) {
    ASSERT_EQ(read[i].observation().statistics_size(), 1);
    EXPECT_EQ(read[i].observation().statistics(0).value(),
              records[i].observation().statistics(0).value());
  }
}

}  // namespace
}  // namespace calipers::server
