#ifndef CALIPERS_TESTS_BENCH_RAW_CLIENT_H_
#define CALIPERS_TESTS_BENCH_RAW_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace calipers::bench {

/// Sends the same bytes to any server in the same way, so that only the server
/// differs between two measurements. To be used by one thread.
class RawClient {
 public:
  explicit RawClient(const std::string& target);

  /// Seconds to send all messages over one call of `method` and to see the call
  /// end after all answers. Negative if the call failed.
  double Stream(const std::string& method, std::vector<grpc::ByteBuffer>& messages,
                int answer_every);

  /// Seconds of one unary call. Negative if it failed.
  double Unary(const std::string& method, const grpc::ByteBuffer& request);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_RAW_CLIENT_H_
