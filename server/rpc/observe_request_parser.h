#ifndef CALIPERS_SERVER_RPC_OBSERVE_REQUEST_PARSER_H_
#define CALIPERS_SERVER_RPC_OBSERVE_REQUEST_PARSER_H_

#include <cstddef>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "calipers/v1/observation.pb.h"
#include "google/protobuf/arena.h"
#include "grpcpp/support/byte_buffer.h"

namespace calipers::server {

/// Reduced observations that one message may hold: each takes a hundred times what
/// an empty one has on the wire.
inline constexpr int kMaxReducedObservations = 16'384;

/// A message of the Observe stream as it came from the wire: its small fields
/// parsed, its tensor bytes left where they lie.
class ObserveRequest {
 public:
  /// Reads everything but the data. Fields may come in any order, more than
  /// once, and unknown ones are skipped, as protobuf has it. INVALID_ARGUMENT if
  /// the bytes are not an ObserveRequest or hold too many reduced observations. `buffer` is shared,
  /// not copied.
  static absl::StatusOr<ObserveRequest> Parse(const grpc::ByteBuffer& buffer);

  /// All fields but `data`.
  const v1::ObserveRequest& fields() const { return *fields_; }
  std::size_t data_size() const { return data_size_; }

  /// Hands over the data in order, slice by slice, without copying.
  void ForEachDataSlice(absl::FunctionRef<void(absl::Span<const std::byte>)> visit) const;

 private:
  explicit ObserveRequest(const grpc::ByteBuffer& buffer)
      : buffer_(buffer),
        arena_(std::make_unique<google::protobuf::Arena>()),
        fields_(google::protobuf::Arena::CreateMessage<v1::ObserveRequest>(arena_.get())) {}

  grpc::ByteBuffer buffer_;
  // A batch of records is thousands of small messages, all gone at once.
  std::unique_ptr<google::protobuf::Arena> arena_;
  v1::ObserveRequest* fields_;
  int data_offset_ = 0;
  std::size_t data_size_ = 0;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_OBSERVE_REQUEST_PARSER_H_
