#include "client/library/observe_message.h"

#include <cstdint>
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"

namespace calipers::client {
namespace {

using google::protobuf::internal::WireFormatLite;

// `fields`, then the tag and the size of the data that follow. `data` has the largest field number,
// so protobuf would write the same order.
grpc::Slice Front(const v1::ObserveRequest& fields, std::size_t data_size) {
  std::string front;
  {
    google::protobuf::io::StringOutputStream stream(&front);
    google::protobuf::io::CodedOutputStream output(&stream);
    fields.SerializeToCodedStream(&output);
    if (data_size > 0) {
      output.WriteTag(WireFormatLite::MakeTag(v1::ObserveRequest::kDataFieldNumber,
                                              WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
      output.WriteVarint32(static_cast<std::uint32_t>(data_size));
    }
  }
  return grpc::Slice(front);
}

// A slice that refers to `data` and holds a reference to the owner. gRPC releases the slice when
// the bytes are on the wire, or when the call is gone.
grpc::Slice Alias(absl::Span<const std::byte> data, const std::shared_ptr<const void>& owner) {
  using Owner = std::shared_ptr<const void>;
  return {const_cast<std::byte*>(data.data()), data.size(),
          [](void* held) { delete static_cast<Owner*>(held); }, new Owner(owner)};
}

}  // namespace

grpc::ByteBuffer ObserveMessage(const v1::ObserveRequest& fields, absl::Span<const std::byte> data,
                                const std::shared_ptr<const void>& owner) {
  const grpc::Slice slices[] = {
      Front(fields, data.size()),
      owner == nullptr ? grpc::Slice(data.data(), data.size()) : Alias(data, owner)};
  return {slices, data.empty() ? std::size_t{1} : std::size_t{2}};
}

}  // namespace calipers::client
