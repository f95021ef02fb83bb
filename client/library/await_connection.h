#ifndef CALIPERS_CLIENT_LIBRARY_AWAIT_CONNECTION_H_
#define CALIPERS_CLIENT_LIBRARY_AWAIT_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

namespace calipers::client {

/// Waits until a gRPC server answers on the channel. UNAVAILABLE, with the cause and the next step,
/// after `timeout`; after 2 s if the host does not exist, refuses the connection, or is no gRPC
/// server. `address` is used in the message.
absl::Status AwaitConnection(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& address, absl::Duration timeout);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_LIBRARY_AWAIT_CONNECTION_H_
