#ifndef CALIPERS_SERVER_RPC_OBSERVE_REQUEST_PARSER_H_
#define CALIPERS_SERVER_RPC_OBSERVE_REQUEST_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/model/observation_header.h"
#include "server/model/reduced_observation.h"

namespace calipers::server {

/// Maximum number of reduced observations in a message. In memory, each takes a hundred times the
/// size of an empty one on the wire.
inline constexpr int kMaxReducedObservations = 16'384;
/// Maximum numbers of statistics and of dimensions of all shapes in a message, for the same reason:
/// eight for each observation of a full message.
inline constexpr int kMaxReducedStatistics = 8 * kMaxReducedObservations;
inline constexpr int kMaxDimensions = 8 * kMaxReducedObservations;

/// A message of the Observe stream: its fields as views of gRPC's buffer. A batch of records has
/// thousands of small fields, and an allocation for each would take longer than the rest of the
/// parser.
class ObserveRequest {
 public:
  /// Parses a calipers.v1.ObserveRequest. As in protobuf, fields may be in any order and occur more
  /// than once, and unknown fields are skipped. INVALID_ARGUMENT if the bytes are not an
  /// ObserveRequest or hold more than these numbers. The result points into `buffer`, which must
  /// outlive it and stay as it is.
  static absl::StatusOr<ObserveRequest> Parse(grpc::ByteBuffer& buffer);

  // Not copied: the views would point into the original.
  ObserveRequest(ObserveRequest&&) = default;
  ObserveRequest& operator=(ObserveRequest&&) = default;

  /// Empty if the message has none.
  absl::string_view worker() const { return worker_; }
  /// The header of a tensor, if the message begins one.
  const std::optional<ObservationHeader>& header() const { return header_; }
  absl::Span<const ReducedObservation> reduced() const { return reduced_; }
  std::size_t data_size() const { return data_size_; }

  /// Visits the data in order, slice by slice, without copying them.
  void ForEachDataSlice(absl::FunctionRef<void(absl::Span<const std::byte>)> visit) const;

 private:
  class FieldReader;

  // The end of an observation's entries in dimensions_ and statistics_. They begin at the end of
  // the observation before.
  struct Ends {
    std::size_t dimensions = 0;
    std::size_t statistics = 0;
  };

  explicit ObserveRequest(grpc::ByteBuffer& buffer) : buffer_(&buffer) {}
  // Points the headers and the observations to their dimensions and statistics, which no longer
  // move.
  void SetSpans();

  grpc::ByteBuffer* buffer_;
  absl::string_view worker_;
  std::optional<ObservationHeader> header_;
  std::vector<ReducedObservation> reduced_;
  std::vector<Ends> ends_;  // of reduced_
  std::vector<std::int64_t> dimensions_;
  std::vector<ReducedObservation::Statistic> statistics_;
  // The fields that are spread over several slices.
  std::forward_list<std::string> copies_;
  int data_offset_ = 0;
  std::size_t data_size_ = 0;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_RPC_OBSERVE_REQUEST_PARSER_H_
