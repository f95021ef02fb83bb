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

  /// Waits for the connection, so that no measurement pays for it.
  void Connect();

  /// Seconds to send all messages over one call of `method` and to see the call
  /// end after all answers. Ends the program if the call fails.
  double Stream(const std::string& method, std::vector<grpc::ByteBuffer>& messages,
                int answer_every);

  /// Seconds of one unary call; `answer` is what came. Ends the program if it fails,
  /// unless with NOT_FOUND.
  double Unary(const std::string& method, const grpc::ByteBuffer& request,
               grpc::ByteBuffer* answer = nullptr);

  /// Seconds of all these unary calls, `window` of them under way at a time.
  double Unaries(const std::string& method, const std::vector<grpc::ByteBuffer>& requests,
                 std::size_t window);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_RAW_CLIENT_H_
