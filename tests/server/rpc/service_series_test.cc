// Calls for whole series, through the service.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/server_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::FromGrpc;
using calipers::testing::kBound;
using calipers::testing::kInput;
using calipers::testing::OnlyNumber;
using calipers::testing::ServerTest;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

using Stub = v1::Calibration::Stub;

class SeriesCallsTest : public ServerTest {
 protected:
  void SetUp() override { ASSERT_OK(Create("m/input")); }

  absl::StatusOr<v1::Session> Seal(const std::string& name, std::optional<std::int64_t> count) {
    v1::SealSessionRequest request;
    request.set_name(name);
    if (count) request.set_count(*count);
    return Call(&Stub::SealSession, request);
  }

  absl::StatusOr<std::vector<v1::SeriesRecord>> Read(const std::string& name, std::int64_t from) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kBound);
    v1::ReadSeriesRequest request;
    request.set_name(name);
    request.set_start_index(from);
    const auto reader = stub_.ReadSeries(&context, request);
    std::vector<v1::SeriesRecord> records;
    v1::ReadSeriesResponse response;
    while (reader->Read(&response)) {
      records.insert(records.end(), response.records().begin(), response.records().end());
    }
    const absl::Status status = FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return records;
  }
};

TEST_F(SeriesCallsTest, SealsASession) {
  Observe(kInput, 0, {-1, 1});
  Observe(kInput, 2, {-1, 1});
  EXPECT_THAT(Seal(kInput, 3),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("missing: 1")));
  Observe(kInput, 1, {-1, 1});
  const auto sealed = Seal(kInput, 3);
  ASSERT_OK(sealed);
  EXPECT_EQ(sealed->sealed_count(), 3);
  const v1::ObservationAck late = Observe(kInput, 3, {-9, 9});
  EXPECT_EQ(late.outcome(), v1::ObservationAck::OUTCOME_REJECTED);
  EXPECT_THAT(late.status().message(), HasSubstr("sealed at 3"));
  EXPECT_THAT(Seal(kInput, -1), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("count")));
  EXPECT_THAT(Seal("runs/r/sessions/x/input", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("x/input")));
}

TEST_F(SeriesCallsTest, SealsARunSessionBySession) {
  ASSERT_OK(Create("n/input"));
  Observe(kInput, 0, {-1, 1});
  v1::SealRunRequest request;
  request.set_name("runs/r");
  auto response = Call(&Stub::SealRun, request);
  ASSERT_OK(response);
  ASSERT_EQ(response->results_size(), 2);
  EXPECT_EQ(response->results(0).session(), kInput);
  EXPECT_EQ(response->results(0).sealed_count(), 1);
  EXPECT_FALSE(response->results(1).has_sealed_count());
  EXPECT_EQ(response->results(1).status().code(),
            static_cast<int>(absl::StatusCode::kFailedPrecondition));
  request.set_module_glob("nothing");
  EXPECT_THAT(Call(&Stub::SealRun, request),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("module_glob")));
}

TEST_F(SeriesCallsTest, GivesItsRecordsAsTheyCouldBeSentAgain) {
  const std::vector<std::vector<float>> tensors = {{-1, 2}, {-3, 4}, {-5, 6}};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    Observe(kInput, static_cast<std::int64_t>(2 * i), tensors[i]);
  }
  const auto records = Read(kInput, 1);
  ASSERT_OK(records);
  ASSERT_EQ(records->size(), 2U);
  ASSERT_OK(Create("copy/input"));
  for (const v1::SeriesRecord& record : *records) {
    EXPECT_EQ(record.digest().size(), 16U);
    EXPECT_THAT(record.worker(), HasSubstr("127.0.0.1"));
  }
  EXPECT_EQ(records->at(0).observation().header().index(), 2);
  EXPECT_EQ(records->at(0).observation().header().session(), kInput);
  EXPECT_EQ(records->at(1).observation().min(), calipers::testing::Floats({-5}));
  EXPECT_NE(records->at(0).digest(), records->at(1).digest());
  // The same record again is a duplicate.
  calipers::testing::ObserveCall call(stub_);
  v1::ObserveRequest request;
  *request.mutable_reduced()->add_observations() = records->at(1).observation();
  ASSERT_TRUE(call.Send(request));
  EXPECT_EQ(call.NextAck().outcome(), v1::ObservationAck::OUTCOME_DUPLICATE);
  EXPECT_THAT(Read(kInput, -1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("start_index")));
  EXPECT_THAT(Read("runs/r/sessions/x/input", 0),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("x/input")));
}

TEST_F(SeriesCallsTest, LongSeriesComesInManyMessages) {
  calipers::testing::ObserveCall call(stub_);
  constexpr int kRecords = 2500;
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_TRUE(call.Send(calipers::testing::Tensor(kInput, i, {-1, float(i)})));
  }
  call.HalfClose();
  EXPECT_EQ(call.RemainingAcks().size(), std::size_t{kRecords});
  const auto records = Read(kInput, 0);
  ASSERT_OK(records);
  ASSERT_EQ(records->size(), std::size_t{kRecords});
  for (int i = 0; i < kRecords; ++i) {
    EXPECT_EQ(records->at(static_cast<std::size_t>(i)).observation().header().index(), i);
  }
}

TEST_F(SeriesCallsTest, AnswersForAnotherFold) {
  Observe(kInput, 0, {-1, 1});
  Observe(kInput, 1, {-5, 0.5});
  Observe(kInput, 2, {NAN, NAN});
  v1::GetMinMaxRequest request;
  request.set_name(kInput);
  request.mutable_fold()->set_observer("static_minmax");
  v1::IndexRange* nan = request.mutable_fold()->add_exclude();
  nan->set_start(2);
  nan->set_end(3);
  const auto answer = Call(&Stub::GetMinMax, request);
  ASSERT_OK(answer);
  EXPECT_EQ(OnlyNumber(answer->range().min()), -5);
  EXPECT_EQ(OnlyNumber(answer->range().max()), 1);
  nan->set_end(2);
  EXPECT_THAT(Call(&Stub::GetMinMax, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("exclude")));
  v1::BatchGetMinMaxRequest batch;
  batch.set_parent("runs/r");
  batch.add_names(kInput);
  batch.mutable_fold()->set_observer("memoryless_minmax");
  const auto batched = Call(&Stub::BatchGetMinMax, batch);
  ASSERT_OK(batched);
  EXPECT_TRUE(std::isnan(OnlyNumber(batched->results(0).min_max().range().min())));
}

TEST_F(SeriesCallsTest, SweepsConstants) {
  Observe(kInput, 0, {-1, 1});
  Observe(kInput, 1, {-3, 5});
  v1::SweepMinMaxRequest request;
  request.set_name(kInput);
  request.add_averaging_constants(0);
  request.add_averaging_constants(0.5);
  request.add_averaging_constants(1);
  const auto response = Call(&Stub::SweepMinMax, request);
  ASSERT_OK(response);
  ASSERT_EQ(response->results_size(), 3);
  EXPECT_EQ(response->results(1).averaging_constant(), 0.5);
  EXPECT_EQ(OnlyNumber(response->results(0).range().max()), 1);
  EXPECT_EQ(OnlyNumber(response->results(1).range().max()), 3);
  EXPECT_EQ(OnlyNumber(response->results(2).range().max()), 5);
  EXPECT_EQ(OnlyNumber(response->results(1).global().min()), -2);
  EXPECT_EQ(OnlyNumber(response->results(1).global_of_range().min()), -2);
  EXPECT_EQ(response->progress().count(), 2);
  request.add_averaging_constants(2);
  EXPECT_THAT(Call(&Stub::SweepMinMax, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("averaging_constants")));
}

TEST_F(SeriesCallsTest, ServerWithoutADiskMakesNoBackup) {
  v1::CreateBackupRequest request;
  request.set_backup_id("friday");
  EXPECT_THAT(Call(&Stub::CreateBackup, request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("keeps nothing on disk")));
}

}  // namespace
}  // namespace calipers::server
