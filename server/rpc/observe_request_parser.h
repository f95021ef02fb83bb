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

/// Maximum number of reduced observations in a message. In memory, each takes a hundred times the
/// size of an empty one on the wire.
inline constexpr int kMaxReducedObservations = 16'384;
/// Maximum numbers of statistics and of dimensions of all shapes in a message, for the same reason:
/// eight for each observation of a full message.
inline constexpr int kMaxReducedStatistics = 8 * kMaxReducedObservations;
inline constexpr int kMaxDimensions = 8 * kMaxReducedObservations;

/// A message of the Observe stream. Its small fields are parsed. Its tensor bytes stay in gRPC's
/// buffer.
class ObserveRequest {
 public:
  /// Parses all fields except the data. As in protobuf, fields may be in any order and occur more
  /// than once, and unknown fields are skipped. INVALID_ARGUMENT if the bytes are not an
  /// ObserveRequest or hold more than these numbers. `buffer` is shared, not copied.
  static absl::StatusOr<ObserveRequest> Parse(const grpc::ByteBuffer& buffer);

  /// All fields except `data`.
  const v1::ObserveRequest& fields() const { return *fields_; }
  std::size_t data_size() const { return data_size_; }

  /// Visits the data in order, slice by slice, without copying them.
  void ForEachDataSlice(absl::FunctionRef<void(absl::Span<const std::byte>)> visit) const;

 private:
  explicit ObserveRequest(const grpc::ByteBuffer& buffer)
      : buffer_(buffer),
        arena_(std::make_unique<google::protobuf::Arena>()),
        fields_(google::protobuf::Arena::CreateMessage<v1::ObserveRequest>(arena_.get())) {}

  grpc::ByteBuffer buffer_;
  // A batch of records has thousands of small messages. The arena frees all of them at once.
  std::unique_ptr<google::protobuf::Arena> arena_;
  v1::ObserveRequest* fields_;
  int data_offset_ = 0;
  std::size_t data_size_ = 0;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_OBSERVE_REQUEST_PARSER_H_
