#include "server/observe_request.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace calipers::server {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::uint32_t LengthDelimitedTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

constexpr std::uint32_t kWorkerTag = LengthDelimitedTag(v1::ObserveRequest::kWorkerFieldNumber);
constexpr std::uint32_t kHeaderTag = LengthDelimitedTag(v1::ObserveRequest::kHeaderFieldNumber);
constexpr std::uint32_t kReducedTag = LengthDelimitedTag(v1::ObserveRequest::kReducedFieldNumber);
constexpr std::uint32_t kDataTag = LengthDelimitedTag(v1::ObserveRequest::kDataFieldNumber);

// Where the last `data` field lies: as with any bytes field, the last one counts.
struct DataField {
  int offset = 0;
  std::uint32_t size = 0;
};

bool ReadField(std::uint32_t tag, CodedInputStream& input, v1::ObserveRequest& fields,
               DataField& data) {
  switch (tag) {
    case kWorkerTag:
      return WireFormatLite::ReadString(&input, fields.mutable_worker()) &&
             WireFormatLite::VerifyUtf8String(fields.worker().data(),
                                              static_cast<int>(fields.worker().size()),
                                              WireFormatLite::PARSE, "worker");
    case kHeaderTag:
      return WireFormatLite::ReadMessage(&input, fields.mutable_header());
    case kReducedTag:
      return WireFormatLite::ReadMessage(&input, fields.mutable_reduced());
    case kDataTag:
      if (!input.ReadVarint32(&data.size)) return false;
      data.offset = input.CurrentPosition();
      return data.size <= INT32_MAX && input.Skip(static_cast<int>(data.size));
    default:
      return WireFormatLite::SkipField(&input, tag);
  }
}

}  // namespace

absl::StatusOr<ObserveRequest> ObserveRequest::Parse(const grpc::ByteBuffer& buffer) {
  ObserveRequest request(buffer);
  grpc::ProtoBufferReader reader(&request.buffer_);
  CodedInputStream input(&reader);
  DataField data;
  bool readable = reader.status().ok();
  while (readable) {
    const std::uint32_t tag = input.ReadTag();
    if (tag == 0) {
      readable = input.ConsumedEntireMessage();
      break;
    }
    readable = ReadField(tag, input, request.fields_, data);
  }
  if (!readable) {
    return absl::InvalidArgumentError(
        "the message is not a calipers.v1.ObserveRequest: its protobuf encoding is malformed");
  }
  request.data_offset_ = data.offset;
  request.data_size_ = data.size;
  return request;
}

void ObserveRequest::ForEachDataSlice(
    absl::FunctionRef<void(absl::Span<const std::byte>)> visit) const {
  if (data_size_ == 0) return;
  grpc::ByteBuffer buffer = buffer_;  // the reader wants it mutable; slices are shared
  grpc::ProtoBufferReader reader(&buffer);
  if (data_offset_ > 0) reader.Skip(data_offset_);
  std::size_t left = data_size_;
  const void* slice = nullptr;
  int size = 0;
  while (left > 0 && reader.Next(&slice, &size)) {
    const std::size_t used = std::min(left, static_cast<std::size_t>(size));
    visit({static_cast<const std::byte*>(slice), used});
    left -= used;
  }
}

}  // namespace calipers::server
