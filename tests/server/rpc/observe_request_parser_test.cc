#include "server/rpc/observe_request_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "grpcpp/support/slice.h"
#include "tests/server/rpc/observe_request_fields.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

// The bytes as gRPC may pass them: in slices with arbitrary boundaries.
grpc::ByteBuffer Sliced(const std::string& bytes, std::mt19937& random) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min<std::size_t>(bytes.size() - at, 1 + random() % 50);
    slices.emplace_back(bytes.data() + at, size);
    at += size;
  }
  return {slices.data(), slices.size()};
}

// Expects that this parser and the generated parser agree: both accept the bytes with the same
// content, or both refuse them.
void ExpectLikeTheGeneratedParser(const std::string& bytes, std::mt19937& random) {
  v1::ObserveRequest expected;
  const bool readable = expected.ParseFromString(bytes);
  grpc::ByteBuffer buffer = Sliced(bytes, random);
  const auto request = ObserveRequest::Parse(buffer);
  ASSERT_EQ(request.ok(), readable) << request.status() << " " << absl::BytesToHexString(bytes);
  if (!readable) return;
  EXPECT_EQ(request->data_size(), expected.data().size());
  EXPECT_EQ(testing::FieldsOf(*request).SerializeAsString(),
            testing::Kept(std::move(expected)).SerializeAsString())
      << absl::BytesToHexString(bytes);
}

absl::Status ParseStatus(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  grpc::ByteBuffer buffer(&slice, 1);
  return ObserveRequest::Parse(buffer).status();
}

std::string RandomField(std::mt19937& random) {
  v1::ObserveRequest request;
  switch (random() % 5) {
    case 0:
      request.set_worker(std::string(random() % 20, 'w'));
      break;
    case 1:
      request.mutable_header()->set_session(std::string(random() % 200, 's'));
      request.mutable_header()->add_shape(static_cast<std::int64_t>(random()));
      if (random() % 2 == 0) request.mutable_header()->set_index(random() % 100);
      if (random() % 2 == 0) request.mutable_header()->set_num_observations(-1);
      break;
    case 2: {
      v1::ReducedObservation& observation = *request.mutable_reduced()->add_observations();
      observation.set_min(std::string(random() % 9, 'm'));
      if (random() % 2 == 0) observation.mutable_header()->set_dtype("F32");
      for (std::size_t i = random() % 4; i > 0; --i) {
        observation.mutable_header()->add_shape(static_cast<std::int64_t>(random()));
      }
      if (random() % 2 == 0) observation.set_global_max(std::string(random() % 9, 'g'));
      for (std::size_t i = random() % 3; i > 0; --i) {
        v1::Statistic& statistic = *observation.add_statistics();
        statistic.set_name("zero_count");
        statistic.set_value(std::string(random() % 9, 'v'));
      }
      break;
    }
    case 3:
      request.set_data(std::string(random() % 300, static_cast<char>('a' + random() % 26)));
      break;
    default:
      // A field of a later version of the contract.
      return std::string("\xa2\x06\x03new", 6);
  }
  return request.SerializeAsString();
}

TEST(ObserveRequestTest, FieldsInAnyOrderAndNumberParseLikeProtobuf) {
  std::mt19937 random(21);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (std::size_t fields = random() % 6; fields > 0; --fields) bytes += RandomField(random);
    ExpectLikeTheGeneratedParser(bytes, random);
  }
}

TEST(ObserveRequestTest, DamagedMessagesParseLikeProtobuf) {
  std::mt19937 random(22);
  int unreadable = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (std::size_t fields = 1 + random() % 3; fields > 0; --fields) bytes += RandomField(random);
    if (bytes.empty()) continue;
    if (random() % 2 == 0) bytes.resize(random() % bytes.size());
    for (std::size_t flips = random() % 3; flips > 0 && !bytes.empty(); --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    v1::ObserveRequest expected;
    if (!expected.ParseFromString(bytes)) ++unreadable;
    ExpectLikeTheGeneratedParser(bytes, random);
    if (HasFailure()) return;
  }
  EXPECT_GT(unreadable, 100);
}

// Found by the fuzzer: a tag of more than five bytes.
TEST(ObserveRequestTest, OverlongTagsParseLikeProtobuf) {
  std::mt19937 random(24);
  ExpectLikeTheGeneratedParser("\xc0\xc0\xc0\xc0\xc0\x29L", random);
}

TEST(ObserveRequestTest, SaysThatTheMessageIsMalformed) {
  EXPECT_THAT(ParseStatus("\xff"), StatusIs(absl::StatusCode::kInvalidArgument,
                                            HasSubstr("not a calipers.v1.ObserveRequest")));
}

// Each statistic has two bytes on the wire. They are counted over all observations.
TEST(ObserveRequestTest, TooManyStatisticsAreRefused) {
  v1::ObserveRequest message;
  for (int i = 0; i < kMaxReducedStatistics; ++i) {
    if (i % 10'000 == 0) message.mutable_reduced()->add_observations();
    message.mutable_reduced()->mutable_observations(i / 10'000)->add_statistics();
  }
  EXPECT_OK(ParseStatus(message.SerializeAsString()));
  message.mutable_reduced()->add_observations()->add_statistics();
  EXPECT_THAT(ParseStatus(message.SerializeAsString()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 131072")));
}

// `header` and `reduced` replace each other. The limits count what was replaced, too.
TEST(ObserveRequestTest, ReplacedFieldsCountToo) {
  const auto repeat = [](const std::string& bytes, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += bytes;
    return all;
  };
  const std::string header("\x12\0", 2);
  const std::string reduced("\x1a\x02\x0a\0", 4);
  EXPECT_OK(ParseStatus(repeat(reduced + header, kMaxReducedObservations / 2)));
  EXPECT_THAT(ParseStatus(repeat(reduced + header, kMaxReducedObservations / 2) + header),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the oneof observation")));
  v1::ObserveRequest message;
  for (int i = 0; i < kMaxReducedObservations; ++i) {
    message.mutable_reduced()->add_observations();
  }
  EXPECT_OK(ParseStatus(message.SerializeAsString()));
  EXPECT_THAT(ParseStatus(message.SerializeAsString() + header + reduced),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("reduced.observations")));
  v1::ObserveRequest shapes;
  for (int i = 0; i < kMaxDimensions; ++i) shapes.mutable_header()->add_shape(1);
  EXPECT_OK(ParseStatus(shapes.SerializeAsString()));
  shapes.mutable_header()->add_shape(1);
  EXPECT_THAT(ParseStatus(shapes.SerializeAsString()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("shape has more than")));
}

TEST(ObserveRequestTest, AbsentNumbersStayAbsent) {
  v1::ObserveRequest message;
  message.mutable_reduced()->add_observations();
  v1::ObservationHeader& given = *message.mutable_reduced()->add_observations()->mutable_header();
  given.set_index(0);
  given.set_num_observations(0);
  std::mt19937 random(25);
  grpc::ByteBuffer buffer = Sliced(message.SerializeAsString(), random);
  const auto request = ObserveRequest::Parse(buffer);
  ASSERT_OK(request);
  ASSERT_EQ(request->reduced().size(), 2);
  EXPECT_FALSE(request->header());
  EXPECT_FALSE(request->reduced()[0].header.index);
  EXPECT_FALSE(request->reduced()[0].header.num_observations);
  EXPECT_EQ(request->reduced()[1].header.index, 0);
  EXPECT_EQ(request->reduced()[1].header.num_observations, 0);
}

TEST(ObserveRequestTest, FieldsAreViewsOfTheMessage) {
  v1::ObserveRequest message;
  message.set_worker(std::string(200, 'w'));
  v1::ReducedObservation& observation = *message.mutable_reduced()->add_observations();
  observation.mutable_header()->set_session(std::string(200, 's'));
  observation.set_min(std::string(1000, 'm'));
  const grpc::Slice slice(message.SerializeAsString());
  grpc::ByteBuffer buffer(&slice, 1);
  const auto request = ObserveRequest::Parse(buffer);
  ASSERT_OK(request);
  ASSERT_EQ(request->reduced().size(), 1);
  const ReducedObservation& reduced = request->reduced()[0];
  for (const absl::string_view field : {request->worker(), reduced.header.session, reduced.min}) {
    EXPECT_GE(field.data(), reinterpret_cast<const char*>(slice.begin()));
    EXPECT_LE(field.data() + field.size(), reinterpret_cast<const char*>(slice.end()));
  }
}

TEST(ObserveRequestTest, DataIsPassedOnWithoutACopy) {
  v1::ObserveRequest message;
  message.set_data(std::string(100'000, 'd'));
  const grpc::Slice slice(message.SerializeAsString());
  grpc::ByteBuffer buffer(&slice, 1);
  const auto request = ObserveRequest::Parse(buffer);
  ASSERT_OK(request);
  request->ForEachDataSlice([&slice](absl::Span<const std::byte> piece) {
    EXPECT_GE(piece.data(), reinterpret_cast<const std::byte*>(slice.begin()));
    EXPECT_LE(piece.data() + piece.size(), reinterpret_cast<const std::byte*>(slice.end()));
  });
}

}  // namespace
}  // namespace calipers::server
