#ifndef CALIPERS_TESTS_SUPPORT_CONNECT_H_
#define CALIPERS_TESTS_SUPPORT_CONNECT_H_

#include <chrono>
#include <memory>
#include <string>

#include "grpcpp/grpcpp.h"

namespace calipers::testing {

/// A channel to a server on loopback, with its own connection, which is already established. Under
/// ThreadSanitizer a first connect sometimes fails with the errno of another call, and then calls
/// that do not wait would fail.
inline std::shared_ptr<grpc::Channel> Connect(int port, grpc::ChannelArguments arguments = {}) {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  auto channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                           grpc::InsecureChannelCredentials(), arguments);
  channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
  return channel;
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_CONNECT_H_
