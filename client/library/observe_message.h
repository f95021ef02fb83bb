#ifndef CALIPERS_CLIENT_LIBRARY_OBSERVE_MESSAGE_H_
#define CALIPERS_CLIENT_LIBRARY_OBSERVE_MESSAGE_H_

#include <cstddef>
#include <memory>

#include "absl/types/span.h"
#include "calipers/v1/observation.pb.h"
#include "grpcpp/support/byte_buffer.h"

namespace calipers::client {

/// An ObserveRequest in wire format: `fields`, which must have no data, and `data` as its field
/// `data`. `data` must be smaller than 2 GiB. With an owner, the message refers to the data, which
/// must not change, and holds the owner as long as gRPC holds the message. Without an owner, the
/// message copies the data.
grpc::ByteBuffer ObserveMessage(const v1::ObserveRequest& fields, absl::Span<const std::byte> data,
                                const std::shared_ptr<const void>& owner);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_LIBRARY_OBSERVE_MESSAGE_H_
