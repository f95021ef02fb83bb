#include "client/library/observation_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

// Acts as a server. Breaks calls as planned, and keeps the observations it receives.
class FakeCalibration final : public v1::Calibration::Service {
 public:
  struct Plan {
    int break_calls = 0;         // number of calls that end with UNAVAILABLE ...
    int after_observations = 0;  // ... after this many observations; the next is unacknowledged
    int no_room = 0;             // number of observations that are refused ...
    grpc::StatusCode no_room_is = grpc::StatusCode::RESOURCE_EXHAUSTED;  // ... with this code
    grpc::Status refuse_all = {};  // every call ends at once with this status
    bool unreadable = false;       // no message can be read
  };

  explicit FakeCalibration(Plan plan) : plan_(plan) {}

  grpc::Status Observe(
      grpc::ServerContext* /*context*/,
      grpc::ServerReaderWriter<v1::ObserveResponse, v1::ObserveRequest>* stream) override {
    ++calls_;
    if (!plan_.refuse_all.ok()) return plan_.refuse_all;
    Call call;
    v1::ObserveRequest request;
    while (stream->Read(&request)) {
      if (!request.worker().empty()) worker_ = call.worker = request.worker();
      v1::ObserveResponse response;
      const grpc::Status status = request.has_reduced() ? AnswerReduced(request, call, response)
                                                        : AnswerPiece(request, call, response);
      if (!response.acks().empty()) stream->Write(response);
      if (!status.ok()) return status;
    }
    return grpc::Status::OK;
  }

  // Data by session and index, and the workers that sent them. Read only when no call is in
  // progress.
  std::map<std::string, std::string> stored;
  std::map<std::int64_t, std::string> workers;
  // Indices in the order of arrival, including repeated arrivals.
  std::vector<std::int64_t> arrivals;
  // Number of observations and bytes of each message with reduced observations.
  std::vector<std::pair<int, std::size_t>> reduced_messages;
  int calls() const { return calls_; }
  const std::string& worker() const { return worker_; }
  std::size_t largest_piece() const { return largest_piece_; }

 private:
  // The state of a call.
  struct Call {
    std::int64_t ordinal = 0;
    std::string worker;
    v1::ObservationHeader header;
    std::string data;
  };

  grpc::Status AnswerPiece(const v1::ObserveRequest& request, Call& call,
                           v1::ObserveResponse& response) {
    if (request.has_header()) {
      call.header = request.header();
      call.data.clear();
    }
    call.data += request.data();
    largest_piece_ = std::max(largest_piece_, request.data().size());
    if (call.data.size() < static_cast<std::size_t>(call.header.shape(0))) return grpc::Status::OK;
    return Answer(call.header, call.data, call, response);
  }

  grpc::Status AnswerReduced(const v1::ObserveRequest& request, Call& call,
                             v1::ObserveResponse& response) {
    const auto& observations = request.reduced().observations();
    reduced_messages.emplace_back(observations.size(), request.ByteSizeLong());
    for (const v1::ReducedObservation& observation : observations) {
      const std::string data = absl::StrCat(observation.min(), "|", observation.max());
      const grpc::Status status = Answer(observation.header(), data, call, response);
      if (!status.ok()) return status;
      if (plan_.unreadable) break;
    }
    return grpc::Status::OK;
  }

  // The observation that breaks the last call is stored nevertheless.
  grpc::Status Answer(const v1::ObservationHeader& header, const std::string& data, Call& call,
                      v1::ObserveResponse& response) {
    if (plan_.break_calls > 0 && call.ordinal == plan_.after_observations) {
      --plan_.break_calls;
      if (plan_.break_calls == 0) Answer(header, data, call);
      return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
    }
    *response.add_acks() = Answer(header, data, call);
    return grpc::Status::OK;
  }

  v1::ObservationAck Answer(const v1::ObservationHeader& header, const std::string& data,
                            Call& call) {
    arrivals.push_back(header.index());
    v1::ObservationAck ack;
    ack.set_ordinal(plan_.unreadable ? -1 : call.ordinal++);
    ack.set_index(header.index());
    ack.set_outcome(v1::ObservationAck::OUTCOME_STORED);
    if (plan_.unreadable) {
      ack.mutable_status()->set_message("not readable");
      return ack;
    }
    if (plan_.no_room > 0) {
      --plan_.no_room;
      ack.set_outcome(v1::ObservationAck::OUTCOME_REJECTED);
      ack.mutable_status()->set_code(plan_.no_room_is);
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
    if (fresh) {
      workers[header.index()] = call.worker;
    } else {
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

  // A reduced observation whose min and max have `bytes` bytes each.
  v1::ReducedObservation Reduced(int index, std::size_t bytes = 4) {
    v1::ReducedObservation observation;
    observation.mutable_header()->set_session("s");
    observation.mutable_header()->set_index(index);
    observation.set_min(std::string(bytes, static_cast<char>(index)));
    observation.set_max(absl::StrCat(index, std::string(bytes, 'x')));
    data_[index] = absl::StrCat(observation.min(), "|", observation.max());
    return observation;
  }

  // Observations `begin` to `end` - 1.
  std::vector<v1::ReducedObservation> Batch(int begin, int end, std::size_t bytes = 4) {
    std::vector<v1::ReducedObservation> batch;
    for (int i = begin; i < end; ++i) batch.push_back(Reduced(i, bytes));
    return batch;
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

TEST_F(ObservationStreamTest, BrokenCallLosesNothingAndDoublesNothing) {
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

// The tensor is sent without a copy, and sent again after a break. In the end, nothing holds the
// owner.
TEST_F(ObservationStreamTest, OwnerIsHeldUntilItsTensorIsAcknowledged) {
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
  // A broken call releases its owners together with its connection.
  server_.reset();
  const auto released = [&owners] {
    return std::all_of(owners.begin(), owners.end(), [](const auto& o) { return o.expired(); });
  };
  for (int tries = 0; tries < 500 && !released(); ++tries) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(released());
}

TEST_F(ObservationStreamTest, GivesUpAfterMaxAttemptsAndCountsUnacknowledged) {
  Serve({.break_calls = 100});
  const auto stream = Open();
  absl::Status status = Send(*stream, 0);
  if (status.ok()) status = stream->Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("1 observations")));
}

TEST_F(ObservationStreamTest, StreamThatGaveUpKeepsItsError) {
  // The fourth call would succeed, but its acknowledgements would go to the wrong observations.
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

TEST_F(ObservationStreamTest, FinalErrorIsNotTriedAgain) {
  Serve({.refuse_all = {grpc::StatusCode::PERMISSION_DENIED, "not you"}});
  const auto stream = Open();
  absl::Status status = Send(*stream, 0);
  if (status.ok()) status = stream->Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("not you")));
  EXPECT_EQ(service_->calls(), 1);
}

TEST_F(ObservationStreamTest, RejectedObservationEndsNothingElse) {
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

TEST_F(ObservationStreamTest, ObservationsWithoutRoomAreSentAgain) {
  Serve({.no_room = 3});
  const auto stream = Open();
  for (int i = 0; i < 6; ++i) ASSERT_OK(Send(*stream, i));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 6);
  EXPECT_EQ(stream->totals().rejected, 0);
  ExpectAllStored(6);
}

TEST_F(ObservationStreamTest, ServerThatNeverHasRoomIsReported) {
  Serve({.no_room = 1000});
  const auto stream = Open();
  ASSERT_OK(Send(*stream, 0));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().rejected, 1);
  EXPECT_THAT(refused_, ::testing::ElementsAre("0: no room"));
}

TEST_F(ObservationStreamTest, ObservationsThatTheDiskRefusedAreSentAgain) {
  Serve({.no_room = 7, .no_room_is = grpc::StatusCode::UNAVAILABLE});
  const auto stream = Open();
  for (int i = 0; i < 6; ++i) ASSERT_OK(Send(*stream, i));
  ASSERT_OK(stream->ObserveReduced(Batch(6, 12)));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 12);
  EXPECT_EQ(stream->totals().rejected, 0);
  EXPECT_EQ(stream->totals().reconnects, 0);
  ExpectAllStored(12);
}

TEST_F(ObservationStreamTest, DiskThatNeverTakesAnythingIsReported) {
  Serve({.no_room = 1000, .no_room_is = grpc::StatusCode::UNAVAILABLE});
  const auto stream = Open();
  ASSERT_OK(Send(*stream, 0));
  ASSERT_OK(stream->ObserveReduced(Batch(1, 2)));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().rejected, 2);
  EXPECT_THAT(refused_, ::testing::ElementsAre("0: no room", "1: no room"));
}

TEST_F(ObservationStreamTest, ReducedObservationsShareMessages) {
  Serve({});
  const auto stream = Open(/*window=*/5000);
  ASSERT_OK(stream->ObserveReduced(Batch(0, 2500)));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 2500);
  ExpectAllStored(2500);
  ASSERT_EQ(service_->reduced_messages.size(), 3U);
  EXPECT_EQ(service_->reduced_messages[0].first, 1000);
  EXPECT_EQ(service_->reduced_messages[2].first, 500);
}

TEST_F(ObservationStreamTest, MessageOfReducedObservationsIsBounded) {
  Serve({});
  const auto stream = Open(/*window=*/5000);
  constexpr std::size_t kBytes = 20 << 10;
  ASSERT_OK(stream->ObserveReduced(Batch(0, 100, kBytes)));
  // One observation is larger than a message should be, and still fits.
  ASSERT_OK(stream->ObserveReduced({Reduced(100), Reduced(101, 1 << 20), Reduced(102)}));
  ASSERT_OK(stream->Finish());
  ExpectAllStored(103);
  std::size_t count = 0;
  for (const auto& [observations, bytes] : service_->reduced_messages) {
    const std::size_t last = bytes > (1 << 20) ? (2 << 20) : 2 * kBytes;
    EXPECT_LE(bytes, (256 << 10) + last + 1000);
    count += static_cast<std::size_t>(observations);
  }
  EXPECT_EQ(count, 103U);
  EXPECT_GE(service_->reduced_messages[0].first, 6);
  EXPECT_LE(service_->reduced_messages.size(), 25U);
}

TEST_F(ObservationStreamTest, WindowSmallerThanABatchHoldsNothingUp) {
  for (const std::size_t window : {0, 1, 3, 100}) {
    Serve({});
    const auto stream = Open(window);
    ASSERT_OK(stream->ObserveReduced(Batch(0, 50)));
    ASSERT_OK(Send(*stream, 50));
    ASSERT_OK(stream->Finish());
    ExpectAllStored(51);
  }
}

TEST_F(ObservationStreamTest, WorkerIsNamedAgainAfterABrokenCall) {
  for (int after = 0; after < 10; ++after) {
    Serve({.break_calls = 2, .after_observations = after});
    const auto stream = Open(/*window=*/7);
    std::map<int, std::string> expected;
    for (int batch = 0; batch < 8; ++batch) {
      const std::string worker = batch % 4 == 3 ? "" : absl::StrCat("worker ", batch % 3);
      for (int i = 0; i < 5; ++i) expected[batch * 5 + i] = worker.empty() ? "w" : worker;
      ASSERT_OK(stream->ObserveReduced(Batch(batch * 5, batch * 5 + 5), worker));
    }
    ASSERT_OK(stream->Finish());
    EXPECT_EQ(stream->totals().reconnects, 2);
    ExpectAllStored(40);
    for (const auto& [index, worker] : expected)
      EXPECT_EQ(service_->workers[index], worker) << index;
  }
}

// Observations to be sent again stay in the window. So a worker does not hold a whole calibration
// while the server takes nothing.
TEST_F(ObservationStreamTest, TemporarilyRefusedObservationsStayInTheWindow) {
  constexpr int kWindow = 4;
  constexpr int kObservations = 30;
  Serve({.no_room = 41});
  const auto stream = Open(kWindow);
  for (int i = 0; i < kObservations; ++i) ASSERT_OK(Send(*stream, i));
  ASSERT_OK(stream->Finish());
  const StreamTotals totals = stream->totals();
  EXPECT_EQ(totals.stored + totals.rejected, kObservations);
  // Each observation has three attempts. The last of the refused ones was decided before the
  // observation one window later arrived.
  std::map<std::int64_t, int> came;
  int refusals = 41;
  std::set<std::int64_t> decided;
  for (const std::int64_t index : service_->arrivals) {
    if (++came[index] == 1) {
      EXPECT_LT(came.size() - decided.size(), std::size_t{kWindow} + 1) << index;
    }
    const bool refused = refusals-- > 0;
    if (!refused || came[index] == 3) decided.insert(index);
  }
  EXPECT_EQ(decided.size(), std::size_t{kObservations});
}

// The call may break within a message or between two messages, and the observation that breaks it
// may be stored or not.
TEST_F(ObservationStreamTest, BreakLosesAndDoublesNoReducedObservation) {
  for (int after = 0; after < 30; ++after) {
    for (const std::size_t window : {4, 1000}) {
      Serve({.break_calls = 2, .after_observations = after});
      const auto stream = Open(window);
      ASSERT_OK(stream->ObserveReduced(Batch(0, 50)));
      ASSERT_OK(stream->ObserveReduced(Batch(50, 200)));
      ASSERT_OK(stream->Finish());
      const StreamTotals totals = stream->totals();
      EXPECT_EQ(totals.stored + totals.duplicates, 200);
      EXPECT_EQ(totals.conflicts + totals.rejected, 0);
      EXPECT_EQ(totals.reconnects, 2);
      EXPECT_THAT(refused_, ::testing::IsEmpty());
      ExpectAllStored(200);
    }
  }
}

TEST_F(ObservationStreamTest, TensorsAndReducedOnesOnOneStream) {
  for (int after = 0; after < 12; ++after) {
    Serve({.break_calls = 2, .after_observations = after, .no_room = 3});
    const auto stream = Open(/*window=*/6);
    for (int i = 0; i < 60; i += 6) {
      ASSERT_OK(Send(*stream, i));
      ASSERT_OK(stream->ObserveReduced(Batch(i + 1, i + 4), i % 4 == 0 ? "a" : "b"));
      ASSERT_OK(Send(*stream, i + 4));
      ASSERT_OK(Send(*stream, i + 5));
    }
    ASSERT_OK(stream->Finish());
    EXPECT_EQ(stream->totals().stored + stream->totals().duplicates, 60);
    ExpectAllStored(60);
    EXPECT_EQ(service_->workers[6], "w");
    EXPECT_EQ(service_->workers[7], "b");
    EXPECT_EQ(service_->workers[10], "w");
    EXPECT_EQ(service_->workers[13], "a");
  }
}

TEST_F(ObservationStreamTest, BatchWithAMissingIndexIsNotSent) {
  Serve({});
  const auto stream = Open();
  std::vector<v1::ReducedObservation> batch = Batch(0, 3);
  batch[2].mutable_header()->clear_index();
  EXPECT_THAT(stream->ObserveReduced(batch),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("index")));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 0);
}

// The server would refuse the whole message, and send no acknowledgements for its observations.
TEST_F(ObservationStreamTest, WorkersNameThatNoServerTakesIsRefused) {
  Serve({});
  const auto stream = Open();
  ASSERT_OK(stream->ObserveReduced(Batch(0, 1), std::string(256, 'w')));
  EXPECT_THAT(stream->ObserveReduced(Batch(1, 2), std::string(257, 'w')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("257")));
  ASSERT_OK(stream->Finish());
  EXPECT_EQ(stream->totals().stored, 1);
  StreamOptions options;
  options.worker = std::string(257, 'w');
  ObservationStream named(server_->InProcessChannel({}), options,
                          [](const auto&, const auto&) { FAIL(); });
  EXPECT_THAT(Send(named, 1), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("257")));
}

TEST_F(ObservationStreamTest, MessageThatCannotBeReadEndsTheStream) {
  Serve({.unreadable = true});
  const auto stream = Open(/*window=*/100);
  absl::Status status = stream->ObserveReduced(Batch(0, 50));
  if (status.ok()) status = stream->Finish();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::AllOf(HasSubstr("not readable"), HasSubstr("50 observations"))));
  EXPECT_EQ(service_->calls(), 1);
}

TEST_F(ObservationStreamTest, MessageThatStaysTooLargeIsNotSentAgain) {
  Serve({.refuse_all = {grpc::StatusCode::RESOURCE_EXHAUSTED,
                        "Received message larger than max (20000000 vs. 16777216)"}});
  const auto stream = Open();
  absl::Status status = stream->ObserveReduced(Batch(0, 1));
  if (status.ok()) status = stream->Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("larger than max")));
  EXPECT_EQ(service_->calls(), 1);
}

TEST_F(ObservationStreamTest, ServerWithTooManyStreamsIsTriedAgain) {
  Serve({.refuse_all = {grpc::StatusCode::RESOURCE_EXHAUSTED, "64 Observe streams are open"}});
  const auto stream = Open();
  absl::Status status = stream->ObserveReduced(Batch(0, 1));
  if (status.ok()) status = stream->Finish();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("64 Observe")));
  EXPECT_EQ(service_->calls(), 3);
}

TEST_F(ObservationStreamTest, ObservationWithoutIndexIsRefused) {
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

TEST_F(ObservationStreamTest, StreamThatSentNothingFinishes) {
  Serve({});
  EXPECT_OK(Open()->Finish());
}

}  // namespace
}  // namespace calipers::client
