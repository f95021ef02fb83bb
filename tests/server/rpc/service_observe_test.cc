// The Observe stream, over a connection.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/observe_request_parser.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::Floats;
using calipers::testing::kInput;
using calipers::testing::ObserveCall;
using calipers::testing::OnlyNumber;
using calipers::testing::RawCall;
using calipers::testing::StatusIs;
using calipers::testing::Tensor;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kGrouped[] = "runs/r/sessions/g/input";
constexpr char kObserve[] = "/calipers.v1.Calibration/Observe";
constexpr std::uint64_t kMaxMessage = 1 << 20;

v1::ObserveRequest DataOnly(const std::string& data) {
  v1::ObserveRequest request;
  request.set_data(data);
  return request;
}

class ServiceObserveTest : public calipers::testing::ServerTest {
 protected:
  static Config SmallMessages() {
    Config config = DefaultConfig();
    config.max_message_bytes = kMaxMessage;
    config.max_inflight_bytes = std::uint64_t{8} << 20;
    return config;
  }

  ServiceObserveTest() : ServerTest(SmallMessages()) {
    EXPECT_OK(Create("m/input"));
    v1::Session grouped;
    grouped.mutable_args()->set_group_size(4);
    EXPECT_OK(Create("g/input", grouped));
  }

  static void ExpectStored(const v1::ObservationAck& ack, std::int64_t ordinal,
                           std::int64_t index) {
    EXPECT_EQ(ack.outcome(), v1::ObservationAck::OUTCOME_STORED) << ack.DebugString();
    EXPECT_EQ(ack.ordinal(), ordinal);
    EXPECT_EQ(ack.index(), index);
    EXPECT_FALSE(ack.has_status());
  }

  static void ExpectRefused(const v1::ObservationAck& ack, std::int64_t ordinal,
                            grpc::StatusCode code, const std::string& said) {
    EXPECT_EQ(ack.outcome(), v1::ObservationAck::OUTCOME_REJECTED) << ack.DebugString();
    EXPECT_EQ(ack.ordinal(), ordinal);
    EXPECT_EQ(ack.status().code(), code) << ack.DebugString();
    EXPECT_THAT(ack.status().message(), HasSubstr(said));
  }

  void ExpectServerGoesOn() {
    EXPECT_EQ(Observe(kInput, 1'000'000, {1}).outcome(), v1::ObservationAck::OUTCOME_STORED);
  }
};

TEST_F(ServiceObserveTest, TensorInPiecesEqualsTheWholeTensor) {
  const std::string data = Floats({3, -7, 5, 1});
  for (std::size_t cut : {1, 3, 4, 5, 16}) {
    ObserveCall call(stub_);
    v1::ObserveRequest first = Tensor(kInput, static_cast<std::int64_t>(cut), {3, -7, 5, 1});
    first.clear_data();
    ASSERT_TRUE(call.Send(first));
    for (std::size_t at = 0; at < data.size(); at += cut) {
      ASSERT_TRUE(call.Send(DataOnly(data.substr(at, cut))));
    }
    ExpectStored(call.NextAck(), 0, static_cast<std::int64_t>(cut));
    call.HalfClose();
    EXPECT_TRUE(call.RemainingAcks().empty());
    EXPECT_OK(call.Finish());
    const auto answer = GetMinMax(kInput);
    ASSERT_OK(answer);
    EXPECT_EQ(OnlyNumber(answer->current().min()), -7);
    EXPECT_EQ(OnlyNumber(answer->current().max()), 5);
  }
}

TEST_F(ServiceObserveTest, EachObservationIsAcknowledgedInOrder) {
  ObserveCall call(stub_);
  ASSERT_TRUE(call.Send(Tensor(kInput, 5, {1, 2})));
  ASSERT_TRUE(call.Send(Tensor(kGrouped, 0, {1, 2, 3, 4})));
  ASSERT_TRUE(call.Send(Tensor(kInput, 5, {2, 1})));
  ASSERT_TRUE(call.Send(Tensor(kInput, 5, {1, 3})));
  v1::ObserveRequest appended = Tensor(kInput, 0, {1});
  appended.mutable_header()->clear_index();
  ASSERT_TRUE(call.Send(appended));
  call.HalfClose();
  const std::vector<v1::ObservationAck> acks = call.RemainingAcks();
  EXPECT_OK(call.Finish());
  ASSERT_EQ(acks.size(), 5U);
  ExpectStored(acks[0], 0, 5);
  ExpectStored(acks[1], 1, 0);
  EXPECT_EQ(acks[2].outcome(), v1::ObservationAck::OUTCOME_DUPLICATE);
  EXPECT_FALSE(acks[2].has_status());
  EXPECT_EQ(acks[3].outcome(), v1::ObservationAck::OUTCOME_CONFLICT);
  EXPECT_EQ(acks[3].status().code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(acks[3].ordinal(), 3);
  ExpectStored(acks[4], 4, 6);
}

// Issue 2, point 4: each bad observation gets its code and a helpful message, and the following
// observations on the stream are stored.
TEST_F(ServiceObserveTest, InvalidObservationsAreRefusedWithoutAffectingOthers) {
  using grpc::StatusCode;
  constexpr std::int64_t kHuge = std::int64_t{1} << 40;
  struct Case {
    v1::ObserveRequest request;
    StatusCode code;
    std::string said;
  };
  std::vector<Case> cases;
  const auto add = [&cases](StatusCode code, const std::string& said, const char* session,
                            std::vector<std::int64_t> shape, std::size_t bytes,
                            const char* dtype = "F32", std::int64_t index = 7) {
    v1::ObserveRequest request;
    request.mutable_header()->set_session(session);
    request.mutable_header()->set_index(index);
    request.mutable_header()->set_dtype(dtype);
    request.mutable_header()->mutable_shape()->Assign(shape.begin(), shape.end());
    request.set_data(std::string(bytes, '\0'));
    cases.push_back({request, code, said});
  };
  add(StatusCode::NOT_FOUND, "none/input", "runs/r/sessions/none/input", {2}, 8);
  add(StatusCode::INVALID_ARGUMENT, "\"float32\" is not one of", kInput, {2}, 8, "float32");
  add(StatusCode::INVALID_ARGUMENT, "dtype \"\"", kInput, {2}, 8, "");
  add(StatusCode::INVALID_ARGUMENT, "dtype is BF16", kInput, {4}, 8, "BF16");
  add(StatusCode::INVALID_ARGUMENT, absl::StrCat(kHuge), kInput, {kHuge, kHuge}, 8);
  add(StatusCode::INVALID_ARGUMENT, "8 bytes", kInput, {2}, 9);
  add(StatusCode::INVALID_ARGUMENT, "group_size 4", kGrouped, {2, 6}, 48);
  add(StatusCode::INVALID_ARGUMENT, "-3", kInput, {-3, 2}, 8);
  add(StatusCode::OUT_OF_RANGE, "index -1", kInput, {2}, 8, "F32", -1);
  add(StatusCode::OUT_OF_RANGE, "index 281474976710656", kInput, {2}, 8, "F32",
      std::int64_t{1} << 48);
  add(StatusCode::OUT_OF_RANGE, "index 9223372036854775807", kInput, {2}, 8, "F32",
      std::numeric_limits<std::int64_t>::max());
  add(StatusCode::RESOURCE_EXHAUSTED, "--max-inflight-bytes", kGrouped, {1, 1 << 24}, 8);
  // This case is last: the server notices missing bytes only at the next header.
  add(StatusCode::INVALID_ARGUMENT, "after 4 of 8 bytes", kInput, {2}, 4);

  ObserveCall call(stub_);
  std::int64_t ordinal = 0;
  ASSERT_TRUE(call.Send(Tensor(kInput, 0, {1, 2})));
  ExpectStored(call.NextAck(), ordinal++, 0);
  for (const Case& bad : cases) {
    ASSERT_TRUE(call.Send(bad.request));
    ASSERT_TRUE(call.Send(Tensor(kInput, ordinal, {1, 2})));
    ExpectRefused(call.NextAck(), ordinal++, bad.code, bad.said);
    ExpectStored(call.NextAck(), ordinal, ordinal - 1);
    ++ordinal;
  }
  EXPECT_EQ(CountOf(kInput), 1 + static_cast<std::int64_t>(cases.size()));
  call.HalfClose();
  EXPECT_TRUE(call.RemainingAcks().empty());
  EXPECT_OK(call.Finish());
}

TEST_F(ServiceObserveTest, EachReducedObservationIsAcknowledged) {
  v1::ObserveRequest request;
  for (std::int64_t i = 0; i < 4; ++i) {
    v1::ReducedObservation& reduced = *request.mutable_reduced()->add_observations();
    *reduced.mutable_header() = Tensor(kGrouped, i, std::vector<float>(8)).header();
    reduced.set_min(Floats({-1, -2}));
    reduced.set_max(Floats({3, float(i)}));
  }
  request.mutable_reduced()->mutable_observations(1)->mutable_header()->set_session("runs/r");
  request.mutable_reduced()->mutable_observations(2)->set_max(Floats({3}));
  ObserveCall call(stub_);
  ASSERT_TRUE(call.Send(request));
  ExpectStored(call.NextAck(), 0, 0);
  ExpectRefused(call.NextAck(), 1, grpc::StatusCode::NOT_FOUND, "runs/r");
  ExpectRefused(call.NextAck(), 2, grpc::StatusCode::INVALID_ARGUMENT, "2 parameters");
  ExpectStored(call.NextAck(), 3, 3);
  // The first reduced observation stands for this tensor, so the tensor is a duplicate.
  ASSERT_TRUE(call.Send(Tensor(kGrouped, 0, {-1, 0, 3, 0, 0, -2, -1, 0})));
  EXPECT_EQ(call.NextAck().outcome(), v1::ObservationAck::OUTCOME_DUPLICATE);
}

// By default a client accepts messages up to 4 MiB. Many acknowledgements with long messages must
// stay below this limit.
TEST_F(ServiceObserveTest, ManyLongRefusalsReachAClientOfDefaultLimits) {
  const std::string strange(600, 's');
  constexpr std::size_t kMessages = 5;
  constexpr std::size_t kMany = kMessages * kMaxReducedObservations;
  ObserveCall call(stub_);
  for (std::size_t m = 0; m < kMessages; ++m) {
    v1::ObserveRequest request;
    for (int i = 0; i < kMaxReducedObservations; ++i) {
      request.mutable_reduced()->add_observations()->mutable_header()->set_session(i < 100 ? strange
                                                                                           : "s");
    }
    ASSERT_TRUE(call.Send(request));
  }
  ASSERT_TRUE(call.Send(Tensor(kInput, 0, {1})));
  call.HalfClose();
  const std::vector<v1::ObservationAck> acks = call.RemainingAcks();
  EXPECT_OK(call.Finish());
  ASSERT_EQ(acks.size(), kMany + 1);
  for (std::size_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(acks[i].ordinal(), static_cast<std::int64_t>(i));
    ASSERT_EQ(acks[i].status().code(), grpc::StatusCode::NOT_FOUND);
  }
  EXPECT_EQ(acks.back().outcome(), v1::ObservationAck::OUTCOME_STORED);
}

// Each observation has two bytes on the wire. The server creates none of them.
TEST_F(ServiceObserveTest, TooManyReducedObservationsInOneMessageAreRefusedTogether) {
  v1::ObserveRequest request;
  for (int i = 0; i <= kMaxReducedObservations; ++i) request.mutable_reduced()->add_observations();
  ObserveCall call(stub_);
  ASSERT_TRUE(call.Send(request));
  ExpectRefused(call.NextAck(), -1, grpc::StatusCode::INVALID_ARGUMENT, "more than 16384");
  ASSERT_TRUE(call.Send(Tensor(kInput, 0, {1})));
  EXPECT_EQ(call.NextAck().outcome(), v1::ObservationAck::OUTCOME_STORED);
}

// The surplus gives the message many slices, and a slice may end at the end of the tensor.
TEST_F(ServiceObserveTest, TensorWithASurplusIsRejectedWhereverItIsCut) {
  ObserveCall call(stub_);
  v1::ObserveRequest request = Tensor(kInput, 0, {1, 2});
  for (std::size_t surplus : {std::size_t{1}, std::size_t{20'000}, std::size_t{300'000}}) {
    request.mutable_data()->resize(8 + surplus);
    ASSERT_TRUE(call.Send(request));
    ExpectRefused(call.NextAck(), request.header().index(), grpc::StatusCode::INVALID_ARGUMENT,
                  "the tensor has 8 bytes");
    request.mutable_header()->set_index(request.header().index() + 1);
  }
}

TEST_F(ServiceObserveTest, NonAsciiNameInAHeaderLeavesTheAnswerReadable) {
  std::string strange;
  while (strange.size() < 1500) strange += "\xe4\xbd\xa0";
  ObserveCall call(stub_);
  std::int64_t ordinal = 0;
  for (const char* pad : {"", "m", "mm"}) {
    ASSERT_TRUE(call.Send(Tensor(pad + strange, 0, {1})));
    ExpectRefused(call.NextAck(), ordinal++, grpc::StatusCode::NOT_FOUND, "no session");
    v1::ObserveRequest dtype = Tensor(kInput, 0, {1});
    dtype.mutable_header()->set_dtype(pad + strange);
    ASSERT_TRUE(call.Send(dtype));
    ExpectRefused(call.NextAck(), ordinal++, grpc::StatusCode::INVALID_ARGUMENT, "dtype");
  }
}

TEST_F(ServiceObserveTest, ClaimedTokensDoNotOverflow) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  ObserveCall call(stub_);
  for (std::int64_t i = 0; i < 3; ++i) {
    v1::ObserveRequest request = Tensor(kInput, i, {1});
    request.mutable_header()->set_num_observations(kMax);
    request.set_worker(absl::StrCat("w", i % 2));
    ASSERT_TRUE(call.Send(request));
    ExpectStored(call.NextAck(), i, i);
  }
  EXPECT_EQ(GetMinMax(kInput)->progress().num_observations(), kMax);
  v1::GetCoverageRequest request;
  request.set_parent("runs/r");
  const auto coverage = Call(&v1::Calibration::Stub::GetCoverage, request);
  ASSERT_OK(coverage);
  EXPECT_EQ(coverage->sessions(0).tokens(), kMax);
  EXPECT_EQ(coverage->workers(0).tokens(), kMax);
}

TEST_F(ServiceObserveTest, UnreadableMessageHasItsAcknowledgementAndTheStreamGoesOn) {
  RawCall call(channel_, kObserve);
  const auto next_acks = [&call] {
    v1::ObserveResponse response;
    EXPECT_TRUE(response.ParseFromString(call.ReadBytes()));
    return response;
  };
  const std::string good = Tensor(kInput, 3, {1, 2}).SerializeAsString();
  // An unfinished varint, a length beyond the end, an end-group, field number 0.
  for (const std::string& bad :
       {std::string("\x08\xff\xff"),
        std::string("\x7a\x7f"
                    "abc"),
        std::string("\x0c"), std::string("\x00\x01", 2), good.substr(0, good.size() - 1)}) {
    ASSERT_TRUE(call.SendBytes(bad));
    const v1::ObserveResponse response = next_acks();
    ASSERT_EQ(response.acks_size(), 1);
    ExpectRefused(response.acks(0), -1, grpc::StatusCode::INVALID_ARGUMENT, "malformed");
    EXPECT_EQ(response.acks(0).index(), -1);
  }
  // A malformed message also ends the tensor in progress, but does not affect later messages.
  ASSERT_TRUE(call.SendBytes(good.substr(0, good.size() - 10)));  // ends before `data`
  ASSERT_TRUE(call.SendBytes("\xff"));
  v1::ObserveResponse response = next_acks();
  ASSERT_GE(response.acks_size(), 1);
  ExpectRefused(response.acks(0), 0, grpc::StatusCode::INVALID_ARGUMENT, "after 0 of 8 bytes");
  while (response.acks_size() < 2) response.MergeFrom(next_acks());
  ExpectRefused(response.acks(1), -1, grpc::StatusCode::INVALID_ARGUMENT, "message 7 of");
  ASSERT_TRUE(call.SendBytes(good));
  ExpectStored(next_acks().acks(0), 1, 3);
}

TEST_F(ServiceObserveTest, OverlongWorkerNameIsRefused) {
  ObserveCall call(stub_);
  v1::ObserveRequest request;
  request.set_worker(std::string(257, 'w'));
  ASSERT_TRUE(call.Send(request));
  ExpectRefused(call.NextAck(), -1, grpc::StatusCode::INVALID_ARGUMENT, "worker has 257 bytes");
  ASSERT_TRUE(call.Send(Tensor(kInput, 0, {1})));
  ExpectStored(call.NextAck(), 0, 0);
}

TEST_F(ServiceObserveTest, MessageOverTheLimitEndsItsStreamAloneWithResourceExhausted) {
  ObserveCall neighbour(stub_);
  ASSERT_TRUE(neighbour.Send(Tensor(kInput, 0, {1})));
  ExpectStored(neighbour.NextAck(), 0, 0);
  const std::vector<float> fits(kMaxMessage / 4 - 100, 1);
  EXPECT_EQ(Observe(kInput, 1, fits).outcome(), v1::ObservationAck::OUTCOME_STORED);
  ObserveCall call(stub_);
  call.Send(Tensor(kInput, 2, std::vector<float>(kMaxMessage / 4, 1)));
  EXPECT_TRUE(call.RemainingAcks().empty());
  EXPECT_THAT(call.Finish(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(absl::StrCat(kMaxMessage))));
  ASSERT_TRUE(neighbour.Send(Tensor(kInput, 3, {1})));
  ExpectStored(neighbour.NextAck(), 1, 3);
  EXPECT_EQ(CountOf(kInput), 3);
}

// A message that is small on the wire may be large after decompression.
TEST_F(ServiceObserveTest, CompressedMessageIsHeldToTheSameLimit) {
  ObserveCall call(stub_);
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  context.set_deadline(std::chrono::system_clock::now() + calipers::testing::kBound);
  const auto stream = stub_.Observe(&context);
  stream->Write(Tensor(kInput, 0, std::vector<float>(kMaxMessage, 0)));
  stream->WritesDone();
  v1::ObserveResponse response;
  EXPECT_FALSE(stream->Read(&response)) << response.DebugString();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(CountOf(kInput), 0);
}

TEST_F(ServiceObserveTest, StreamCutInATensorStoresNothing) {
  for (int round = 0; round < 20; ++round) {
    ObserveCall call(stub_);
    v1::ObserveRequest request = Tensor(kInput, round, std::vector<float>(1000, 1));
    request.mutable_data()->resize(3999);
    ASSERT_TRUE(call.Send(request));
    if (round % 2 == 0)
      call.Cancel();
    else {
      call.HalfClose();
      const std::vector<v1::ObservationAck> acks = call.RemainingAcks();
      ASSERT_EQ(acks.size(), 1U);
      ExpectRefused(acks[0], 0, grpc::StatusCode::INVALID_ARGUMENT, "after 3999 of 4000 bytes");
    }
    EXPECT_EQ(call.Finish().code(),
              round % 2 == 0 ? absl::StatusCode::kCancelled : absl::StatusCode::kOk);
  }
  EXPECT_EQ(CountOf(kInput), 0);
  ExpectServerGoesOn();
}

// A worker that sends without reading slows only itself, and gets all acknowledgements in the end.
TEST_F(ServiceObserveTest, AcknowledgementsThatAreReadLateAllCome) {
  constexpr std::int64_t kMany = 20'000;
  ObserveCall call(stub_);
  v1::ObserveRequest request = Tensor(kInput, 0, {1});
  std::thread writer([&] {
    for (std::int64_t i = 0; i < kMany; ++i) {
      request.mutable_header()->set_index(i);
      ASSERT_TRUE(call.Send(request));
    }
    call.HalfClose();
  });
  ExpectServerGoesOn();
  const std::vector<v1::ObservationAck> acks = call.RemainingAcks();
  writer.join();
  EXPECT_OK(call.Finish());
  ASSERT_EQ(acks.size(), std::size_t{kMany});
  for (std::int64_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(acks[static_cast<std::size_t>(i)].ordinal(), i);
  }
}

}  // namespace
}  // namespace calipers::server
