#ifndef CALIPERS_TESTS_BENCH_REQUESTS_H_
#define CALIPERS_TESTS_BENCH_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "calipers/v1/observation.pb.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"

namespace calipers::bench {

inline constexpr char kObserve[] = "/calipers.v1.Calibration/Observe";
inline constexpr char kGetMinMax[] = "/calipers.v1.Calibration/GetMinMax";
inline constexpr char kRun[] = "runs/bench";
inline constexpr char kSession[] = "runs/bench/sessions/m/input";

grpc::ByteBuffer Serialized(const google::protobuf::MessageLite& message);
/// Ends the program if the bytes are not a message of this type.
void Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

/// CreateSession of runs/bench/sessions/{session_id}, strategy tensor.
grpc::ByteBuffer CreateRequest(const std::string& session_id);
/// DeleteRun of runs/bench.
grpc::ByteBuffer DeleteRunRequest();

/// `count` BF16 tensors for kSession from index `first` on, in pieces. All messages share the
/// tensor's bytes, because making tensors is not measured.
std::vector<grpc::ByteBuffer> TensorMessages(std::size_t tensor_bytes, std::size_t piece_bytes,
                                             std::size_t count, std::int64_t first = 0);

/// Adds a reduced record of one float pair, made from its index.
void AddRecord(v1::ObserveRequest& request, const std::string& session, std::int64_t index);

/// Messages with these records for kSession.
std::vector<grpc::ByteBuffer> RecordMessages(int messages, int records_a_message,
                                             std::int64_t first = 0);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_REQUESTS_H_
