#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/observe_request_parser.h"
#include "tests/server/rpc/observe_request_fields.h"

// The parser of the wire format and the generated parser agree on every input. The first byte
// determines the size of the slices that hold the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t slice_bytes = 1 + data[0];
  const std::string message(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < message.size(); at += slice_bytes) {
    slices.emplace_back(message.data() + at, std::min(slice_bytes, message.size() - at));
  }
  grpc::ByteBuffer buffer(slices.data(), slices.size());
  const auto request = calipers::server::ObserveRequest::Parse(buffer);
  calipers::v1::ObserveRequest expected;
  if (expected.ParseFromString(message) != request.ok()) std::abort();
  if (!request.ok()) return 0;
  if (calipers::testing::FieldsOf(*request).SerializeAsString() !=
      calipers::testing::Kept(expected).SerializeAsString()) {
    std::abort();
  }
  return 0;
}
