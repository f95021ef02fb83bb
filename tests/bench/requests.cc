#include "tests/bench/requests.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

#include "calipers/v1/calibration.pb.h"
#include "client/library/observe_message.h"
#include "tests/bench/fail.h"

namespace calipers::bench {
namespace {

// Finite in BF16, because one bit of the exponent is 0.
std::shared_ptr<const std::string> RandomBytes(std::size_t size) {
  std::mt19937_64 random(1);
  auto bytes = std::make_shared<std::string>(size, '\0');
  for (char& c : *bytes) c = static_cast<char>(random() & 0xBB);
  return bytes;
}

std::string Bytes(float value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

}  // namespace

grpc::ByteBuffer Serialized(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

void Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!bytes.Dump(&slices).ok()) Fail("no answer");
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  if (!message.ParseFromString(text)) Fail("not a " + message.GetTypeName());
}

grpc::ByteBuffer CreateRequest(const std::string& session_id) {
  v1::CreateSessionRequest request;
  request.set_parent(kRun);
  request.set_session_id(session_id);
  request.mutable_session()->mutable_args()->set_strategy(v1::STRATEGY_TENSOR);
  return Serialized(request);
}

grpc::ByteBuffer DeleteRunRequest() {
  v1::DeleteRunRequest request;
  request.set_name(kRun);
  return Serialized(request);
}

std::vector<grpc::ByteBuffer> TensorMessages(std::size_t tensor_bytes, std::size_t piece_bytes,
                                             std::size_t count, std::int64_t first) {
  const auto bytes = RandomBytes(std::min(tensor_bytes, piece_bytes));
  const absl::Span<const std::byte> shared(reinterpret_cast<const std::byte*>(bytes->data()),
                                           bytes->size());
  std::vector<grpc::ByteBuffer> messages;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t sent = 0; sent < tensor_bytes; sent += piece_bytes) {
      v1::ObserveRequest fields;
      if (sent == 0) {
        v1::ObservationHeader* header = fields.mutable_header();
        header->set_session(kSession);
        header->set_index(first + static_cast<std::int64_t>(i));
        header->set_dtype("BF16");
        header->add_shape(1);
        header->add_shape(static_cast<std::int64_t>(tensor_bytes / 2));
      }
      messages.push_back(client::ObserveMessage(
          fields, shared.first(std::min(piece_bytes, tensor_bytes - sent)), bytes));
    }
  }
  return messages;
}

void AddRecord(v1::ObserveRequest& request, const std::string& session, std::int64_t index) {
  v1::ReducedObservation* reduced = request.mutable_reduced()->add_observations();
  reduced->mutable_header()->set_session(session);
  reduced->mutable_header()->set_index(index);
  reduced->mutable_header()->set_dtype("F32");
  reduced->mutable_header()->add_shape(1);
  reduced->mutable_header()->add_shape(64);
  reduced->set_min(Bytes(-static_cast<float>(index % 97)));
  reduced->set_max(Bytes(static_cast<float>(index % 89)));
}

std::vector<grpc::ByteBuffer> RecordMessages(int messages, int records_a_message,
                                             std::int64_t first) {
  std::vector<grpc::ByteBuffer> result;
  std::int64_t index = first;
  for (int m = 0; m < messages; ++m) {
    v1::ObserveRequest request;
    for (int r = 0; r < records_a_message; ++r) AddRecord(request, kSession, index++);
    result.push_back(Serialized(request));
  }
  return result;
}

}  // namespace calipers::bench
