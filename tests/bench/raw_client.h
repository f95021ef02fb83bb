#ifndef CALIPERS_TESTS_BENCH_RAW_CLIENT_H_
#define CALIPERS_TESTS_BENCH_RAW_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace calipers::bench {

/// Sends the same bytes in the same way to any server, so that two measurements differ only in the
/// server. To be used by one thread.
class RawClient {
 public:
  explicit RawClient(const std::string& target);

  /// Waits for the connection, so that no measurement includes this time.
  void Connect();

  /// Seconds to send all messages over one call of `method`, and to read all answers until the call
  /// ends. Ends the program if the call fails.
  double Stream(const std::string& method, std::vector<grpc::ByteBuffer>& messages,
                int answer_every);

  /// Seconds of one unary call; stores the answer in `answer`. Ends the program if the call fails
  /// with another status than NOT_FOUND.
  double Unary(const std::string& method, const grpc::ByteBuffer& request,
               grpc::ByteBuffer* answer = nullptr);

  /// Seconds of all these unary calls, with `window` calls in flight at a time.
  double Unaries(const std::string& method, const std::vector<grpc::ByteBuffer>& requests,
                 std::size_t window);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_RAW_CLIENT_H_
