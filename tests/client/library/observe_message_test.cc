#include "client/library/observe_message.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace calipers::client {
namespace {

std::string Joined(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

absl::Span<const std::byte> Bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Sizes around those at which the length needs another byte.
TEST(ObserveMessageTest, IsWhatProtobufWrites) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 16'383U, 16'384U, 3'000'000U}) {
    for (const bool with_header : {true, false}) {
      v1::ObserveRequest fields;
      if (with_header) {
        fields.set_worker("w");
        fields.mutable_header()->set_session("runs/r/sessions/m/input");
        fields.mutable_header()->add_shape(static_cast<std::int64_t>(size));
      }
      const auto data = std::make_shared<const std::string>(size, 'x');
      v1::ObserveRequest whole = fields;
      whole.set_data(*data);
      for (const auto& owner : {std::shared_ptr<const void>(), std::shared_ptr<const void>(data)}) {
        EXPECT_EQ(Joined(ObserveMessage(fields, Bytes(*data), owner)), whole.SerializeAsString())
            << size << " bytes, owner: " << (owner != nullptr);
      }
    }
  }
}

TEST(ObserveMessageTest, DataWithAnOwnerIsReferencedAndHeld) {
  const auto data = std::make_shared<const std::string>(100'000, 'x');
  {
    const grpc::ByteBuffer message = ObserveMessage({}, Bytes(*data), data);
    const grpc::ByteBuffer again = message;
    EXPECT_GT(data.use_count(), 1);
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(message.Dump(&slices).ok());
    EXPECT_EQ(static_cast<const void*>(slices.back().begin()), data->data());
  }
  EXPECT_EQ(data.use_count(), 1);
}

TEST(ObserveMessageTest, DataWithoutAnOwnerIsCopied) {
  std::string data(100'000, 'x');
  const grpc::ByteBuffer message = ObserveMessage({}, Bytes(data), nullptr);
  data.assign(data.size(), 'y');
  v1::ObserveRequest read;
  ASSERT_TRUE(read.ParseFromString(Joined(message)));
  EXPECT_EQ(read.data(), std::string(data.size(), 'x'));
}

}  // namespace
}  // namespace calipers::client
