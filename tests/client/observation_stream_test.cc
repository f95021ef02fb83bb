#include "client/observation_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

// Stands in for a server: breaks calls when told to, and remembers what came.
class FakeCalibration final : public v1::Calibration::Service {
 public:
  struct Plan {
    int break_calls = 0;           // so many calls end with UNAVAILABLE ...
    int after_observations = 0;    // ... after so many observations, unacknowledged
    int no_room = 0;               // the first so many are refused for want of room
    grpc::Status refuse_all = {};  // every call ends at once like this
  };

  explicit FakeCalibration(Plan plan) : plan_(plan) {}

  grpc::Status Observe(
      grpc::ServerContext* /*context*/,
      grpc::ServerReaderWriter<v1::ObserveResponse, v1::ObserveRequest>* stream) override {
    ++calls_;
    if (!plan_.refuse_all.ok()) return plan_.refuse_all;
    std::int64_t ordinal = 0;
    std::string data;
    v1::ObservationHeader header;
    v1::ObserveRequest request;
    while (stream->Read(&request)) {
      if (!request.worker().empty()) worker_ = request.worker();
      if (request.has_header()) {
        header = request.header();
        data.clear();
      }
      data += request.data();
      largest_piece_ = std::max(largest_piece_, request.data().size());
      if (data.size() < static_cast<std::size_t>(header.shape(0))) continue;
      if (plan_.break_calls > 0 && ordinal == plan_.after_observations) {
        --plan_.break_calls;
        return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
      }
      v1::ObserveResponse response;
      *response.add_acks() = Take(header, data, ordinal++);
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  // Data by session and index; to be read when no call is in progress.
  std::map<std::string, std::string> stored;
  int calls() const { return calls_; }
  const std::string& worker() const { return worker_; }
  std::size_t largest_piece() const { return largest_piece_; }

 private:
  v1::ObservationAck Take(const v1::ObservationHeader& header, const std::string& data,
                          std::int64_t ordinal) {
    v1::ObservationAck ack;
    ack.set_ordinal(ordinal);
    ack.set_index(header.index());
    ack.set_outcome(v1::ObservationAck::OUTCOME_STORED);
    if (plan_.no_room > 0) {
      --plan_.no_room;
      ack.set_outcome(v1::ObservationAck::OUTCOME_REJECTED);
      ack.mutable_status()->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
      ack.mutable_status()->set_message("no room");
      return ack;
    }
    if (header.dtype() == "bad") {
      ack.set_outcome(v1::ObservationAck::OUTCOME_REJECTED);
      ack.mutable_status()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
      ack.mutable_status()->set_message("a bad dtype");
      return ack;
    }
    const auto [at, fresh] =
        stored.emplace(absl::StrCat(header.session(), "#", header.index()), data);
    if (!fresh) {
      ack.set_outcome(at->second == data ? v1::ObservationAck::OUTCOME_DUPLICATE
                                         : v1::ObservationAck::OUTCOME_CONFLICT);
    }
    return ack;
  }

  Plan plan_;
  int calls_ = 0;
  std::string worker_;
  std::size_t largest_piece_ = 0;
};

class ObservationStreamTest : public ::testing::Test {
 protected:
  void Serve(FakeCalibration::Plan plan) {
    service_ = std::make_unique<FakeCalibration>(plan);
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
  }

  std::unique_ptr<ObservationStream> Open(std::size_t window = 4) {
    StreamOptions options;
    options.worker = "w";
    options.piece_bytes = 100;
    options.window = window;
    options.max_attempts = 3;
    options.backoff = absl::Milliseconds(1);
    return std::make_unique<ObservationStream>(
        server_->InProcessChannel({}), options,
        [this](const v1::ObservationHeader& header, const v1::ObservationAck& ack) {
          refused_.push_back(absl::StrCat(header.index(), ": ", ack.status().message()));
        });
  }

  absl::Status Send(ObservationStream& stream, int index, const std::string& dtype = "U8") {
    const std::string& data = data_[index] =
        std::string(static_cast<std::size_t>(250 + index), static_cast<char>(index));
    v1::ObservationHeader header;
    header.set_session("s");
    header.set_index(index);
    header.set_dtype(dtype);
    header.add_shape(static_cast<std::int64_t>(data.size()));
    return stream.Observe(header, {reinterpret_cast<const std::byte*>(data.data()), data.size()});
  }

  void ExpectAllStored(int count) {
    EXPECT_EQ(service_->stored.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(service_->stored[absl::StrCat("s#", i)], data_[i]) << i;
    }
  }

  std::unique_ptr<FakeCalibration> service_;
  std::unique_ptr<grpc::Server> server_;
  std::map<int, std::string> data_;
  std::vector<std::string> refused_;
};

TEST_F(ObservationStreamTest, SendsInPiecesAndCountsWhatWasStored) {
  Serve({});
  const auto stream = Open();
  for (int i = 0; i < 20; ++i) ASSERT_OK(Send(*stream, i));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 20);
  EXPECT_EQ(stream->totals().reconnects, 0);
  EXPECT_EQ(service_->worker(), "w");
  EXPECT_EQ(service_->largest_piece(), 100U);
  ExpectAllStored(20);
}

TEST_F(ObservationStreamTest, ABrokenCallLosesNothingAndDoublesNothing) {
  for (int after = 0; after < 5; ++after) {
    Serve({.break_calls = 2, .after_observations = after});
    const auto stream = Open();
    for (int i = 0; i < 20; ++i) ASSERT_OK(Send(*stream, i));
    ASSERT_OK(stream->Finish());
    EXPECT_EQ(stream->totals().stored + stream->totals().duplicates, 20);
    EXPECT_EQ(stream->totals().reconnects, 2);
    EXPECT_EQ(service_->calls(), 3);
    ExpectAllStored(20);
  }
}

// Sent from where it lies, and again after a break; nobody holds it in the end.
TEST_F(ObservationStreamTest, AnOwnerIsHeldUntilItsTensorIsThrough) {
  Serve({.break_calls = 2, .after_observations = 3});
  std::vector<std::weak_ptr<const std::string>> owners;
  {
    const auto stream = Open();
    for (int i = 0; i < 20; ++i) {
      const auto data = std::make_shared<const std::string>(1000, static_cast<char>(i));
      data_[i] = *data;
      owners.push_back(data);
      v1::ObservationHeader header;
      header.set_session("s");
      header.set_index(i);
      header.set_dtype("U8");
      header.add_shape(1000);
      ASSERT_OK(stream->Observe(
          header, {reinterpret_cast<const std::byte*>(data->data()), data->size()}, data));
    }
    ASSERT_OK(stream->Finish());
    EXPECT_EQ(stream->totals().reconnects, 2);
    ExpectAllStored(20);
  }
  // What a broken call held goes with its connection.
  server_.reset();
  const auto released = [&owners] {
    return std::all_of(owners.begin(), owners.end(), [](const auto& o) { return o.expired(); });
  };
  for (int tries = 0; tries < 500 && !released(); ++tries) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(released());
}

TEST_F(ObservationStreamTest, GivesUpAfterSoManyAttemptsAndSaysWhatIsOpen) {
  Serve({.break_calls = 100});
  const auto stream = Open();
  absl::Status status = Send(*stream, 0);
  if (status.ok()) status = stream->Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("1 observations")));
}

TEST_F(ObservationStreamTest, OnceGivenUpItStaysSo) {
  // The fourth call would go well, and its acknowledgements to the wrong ones.
  Serve({.break_calls = 3});
  const auto stream = Open(/*window=*/2);
  absl::Status given_up;
  int sent = 0;
  while (given_up.ok() && sent < 20) given_up = Send(*stream, sent++);
  ASSERT_THAT(given_up, StatusIs(absl::StatusCode::kUnavailable,
                                 HasSubstr(absl::StrCat(sent, " observations not acknowledged"))));
  EXPECT_EQ(Send(*stream, sent), given_up);
  EXPECT_EQ(stream->Finish(), given_up);
  EXPECT_EQ(stream->Finish(), given_up);
  EXPECT_EQ(stream->totals().stored, 0);
  EXPECT_EQ(service_->calls(), 3);
}

TEST_F(ObservationStreamTest, AFinalErrorIsNotTriedAgain) {
  Serve({.refuse_all = {grpc::StatusCode::PERMISSION_DENIED, "not you"}});
  const auto stream = Open();
  absl::Status status = Send(*stream, 0);
  if (status.ok()) status = stream->Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("not you")));
  EXPECT_EQ(service_->calls(), 1);
}

TEST_F(ObservationStreamTest, ARejectedObservationEndsNothingElse) {
  Serve({});
  const auto stream = Open();
  ASSERT_OK(Send(*stream, 0));
  ASSERT_OK(Send(*stream, 1, "bad"));
  ASSERT_OK(Send(*stream, 2));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 2);
  EXPECT_EQ(stream->totals().rejected, 1);
  EXPECT_THAT(refused_, ::testing::ElementsAre("1: a bad dtype"));
}

TEST_F(ObservationStreamTest, WhatTheServerHadNoRoomForIsSentAgain) {
  Serve({.no_room = 3});
  const auto stream = Open();
  for (int i = 0; i < 6; ++i) ASSERT_OK(Send(*stream, i));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 6);
  EXPECT_EQ(stream->totals().rejected, 0);
  ExpectAllStored(6);
}

TEST_F(ObservationStreamTest, AServerThatNeverHasRoomIsReported) {
  Serve({.no_room = 1000});
  const auto stream = Open();
  ASSERT_OK(Send(*stream, 0));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().rejected, 1);
  EXPECT_THAT(refused_, ::testing::ElementsAre("0: no room"));
}

TEST_F(ObservationStreamTest, AnObservationWithoutIndexIsRefused) {
  Serve({});
  const auto stream = Open();
  EXPECT_THAT(stream->Observe({}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("index")));
}

TEST_F(ObservationStreamTest, PiecesHaveAByteAtLeast) {
  Serve({});
  StreamOptions options;
  options.piece_bytes = 0;
  ObservationStream stream(server_->InProcessChannel({}), options,
                           [](const auto&, const auto&) { FAIL(); });
  ASSERT_OK(Send(stream, 0));
  ASSERT_OK(stream.Finish());
  EXPECT_EQ(service_->largest_piece(), 1U);
  ExpectAllStored(1);
}

TEST_F(ObservationStreamTest, AStreamThatSentNothingFinishes) {
  Serve({});
  EXPECT_OK(Open()->Finish());
}

}  // namespace
}  // namespace calipers::client
