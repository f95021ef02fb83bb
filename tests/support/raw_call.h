#ifndef CALIPERS_TESTS_SUPPORT_RAW_CALL_H_
#define CALIPERS_TESTS_SUPPORT_RAW_CALL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/impl/codegen/rpc_method.h"
#include "tests/support/server_fixture.h"

// Calls with messages of bytes: for messages that no generated stub would send, and for services
// whose stubs are not in Debian.
namespace calipers::testing {

inline grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

inline std::string ToText(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

/// A bidirectional call of `method`, e.g. "/calipers.v1.Calibration/Observe".
class RawCall : public StreamCall<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  RawCall(const std::shared_ptr<grpc::Channel>& channel, std::string method)
      : channel_(channel), name_(std::move(method)) {
    using Factory = grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>;
    const grpc::internal::RpcMethod rpc(name_.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING);
    Open(std::unique_ptr<Stream>(Factory::Create(channel_.get(), rpc, &context())));
  }

  bool SendBytes(const std::string& bytes) { return Send(ToBuffer(bytes)); }

  /// The next message; "" if the call has no further message.
  std::string ReadBytes() {
    grpc::ByteBuffer buffer;
    return Read(&buffer) ? ToText(buffer) : std::string();
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::string name_;
};

/// One unary call of `method`.
inline absl::StatusOr<std::string> RawUnary(const std::shared_ptr<grpc::Channel>& channel,
                                            const std::string& method, const std::string& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kBound);
  const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ByteBuffer response;
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel.get(), rpc, &context, ToBuffer(request), &response);
  if (!status.ok()) return FromGrpc(status);
  return ToText(response);
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_RAW_CALL_H_
