#ifndef CALIPERS_TESTS_SUPPORT_SERVER_FIXTURE_H_
#define CALIPERS_TESTS_SUPPORT_SERVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calipers/v1/calibration.grpc.pb.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element.h"
#include "grpcpp/grpcpp.h"
#include "server/config.h"
#include "server/server.h"
#include "tests/support/connect.h"
#include "tests/support/status_matchers.h"

namespace calipers::testing {

/// The name of the session that most tests observe.
inline constexpr char kInput[] = "runs/r/sessions/m/input";

/// Upper limit for each call of a test. No call should take nearly as long.
inline constexpr std::chrono::seconds kBound{60};

inline absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Little-endian float32 elements.
inline std::string Floats(const std::vector<float>& values) { return BytesOf(values); }

/// Little-endian float64 elements.
inline std::string Doubles(const std::vector<double>& values) { return BytesOf(values); }

/// The only element of a tensor of floats.
inline double OnlyNumber(const v1::Tensor& tensor) {
  const absl::StatusOr<Dtype> dtype = ParseDtype(tensor.dtype());
  EXPECT_TRUE(dtype.ok() && IsFloat(*dtype)) << tensor.dtype();
  if (!dtype.ok()) return 0;
  EXPECT_EQ(tensor.data().size(), ByteSize(*dtype));
  if (tensor.data().size() != ByteSize(*dtype)) return 0;
  return LoadElement(*dtype, reinterpret_cast<const std::byte*>(tensor.data().data()));
}

/// One Observe call. The test decides which messages it sends and reads.
template <typename Request, typename Response>
class StreamCall {
 public:
  using Stream = grpc::ClientReaderWriter<Request, Response>;

  StreamCall() { context_.set_deadline(std::chrono::system_clock::now() + kBound); }
  ~StreamCall() {
    context_.TryCancel();
    if (stream_ != nullptr && !finished_) stream_->Finish();
  }
  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;

  grpc::ClientContext& context() { return context_; }
  void Open(std::unique_ptr<Stream> stream) { stream_ = std::move(stream); }

  bool Send(const Request& request) { return stream_->Write(request); }
  bool Read(Response* response) { return stream_->Read(response); }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }
  absl::Status Finish() {
    finished_ = true;
    return FromGrpc(stream_->Finish());
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  bool finished_ = false;
};

/// An Observe call with messages of the proto contract.
class ObserveCall : public StreamCall<v1::ObserveRequest, v1::ObserveResponse> {
 public:
  explicit ObserveCall(v1::Calibration::Stub& stub) { Open(stub.Observe(&context())); }

  /// The next acknowledgement; fails the test if the call ends before.
  v1::ObservationAck NextAck() {
    while (acks_.empty()) {
      v1::ObserveResponse response;
      if (!Read(&response)) {
        ADD_FAILURE() << "no acknowledgement came";
        return {};
      }
      acks_.insert(acks_.end(), response.acks().begin(), response.acks().end());
    }
    v1::ObservationAck ack = acks_.front();
    acks_.pop_front();
    return ack;
  }

  /// All acknowledgements until the server ends the call.
  std::vector<v1::ObservationAck> RemainingAcks() {
    v1::ObserveResponse response;
    while (Read(&response)) {
      acks_.insert(acks_.end(), response.acks().begin(), response.acks().end());
    }
    return {acks_.begin(), acks_.end()};
  }

 private:
  std::deque<v1::ObservationAck> acks_;
};

/// One message with a float32 tensor of one row.
inline v1::ObserveRequest Tensor(const std::string& session, std::int64_t index,
                                 const std::vector<float>& values) {
  v1::ObserveRequest request;
  v1::ObservationHeader& header = *request.mutable_header();
  header.set_session(session);
  header.set_index(index);
  header.set_dtype("F32");
  header.add_shape(1);
  header.add_shape(static_cast<std::int64_t>(values.size()));
  request.set_data(Floats(values));
  return request;
}

/// A server on a free loopback port, and its client.
class ServerTest : public ::testing::Test {
 protected:
  static server::Config DefaultConfig() {
    server::Config config;
    config.listen = "127.0.0.1:0";
    config.drain_seconds = 1;
    config.store = server::StoreKind::kMemory;
    return config;
  }

  explicit ServerTest(const server::Config& config = DefaultConfig())
      : server_(*server::Server::Start(config)), channel_(NewChannel()), stub_(channel_) {}

  /// A channel with its own connection.
  std::shared_ptr<grpc::Channel> NewChannel(grpc::ChannelArguments arguments = {}) const {
    return Connect(server_->port(), std::move(arguments));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Calibration::Stub::*method)(grpc::ClientContext*,
                                                                              const Request&,
                                                                              Response*),
                                const Request& request, std::chrono::milliseconds bound = kBound) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + bound);
    Response response;
    const grpc::Status status = (stub_.*method)(&context, request, &response);
    if (!status.ok()) return FromGrpc(status);
    return response;
  }

  absl::StatusOr<v1::Session> Create(const std::string& id, const v1::Session& spec = {},
                                     const std::string& run = "runs/r") {
    v1::CreateSessionRequest request;
    request.set_parent(run);
    request.set_session_id(id);
    *request.mutable_session() = spec;
    return Call(&v1::Calibration::Stub::CreateSession, request);
  }

  absl::StatusOr<v1::MinMax> GetMinMax(const std::string& name, std::int64_t wait_count = 0,
                                       std::chrono::milliseconds bound = kBound) {
    v1::GetMinMaxRequest request;
    request.set_name(name);
    request.set_wait_count(wait_count);
    return Call(&v1::Calibration::Stub::GetMinMax, request, bound);
  }

  /// Number of records of the session.
  std::int64_t CountOf(const std::string& name) {
    v1::GetSessionRequest request;
    request.set_name(name);
    const auto session = Call(&v1::Calibration::Stub::GetSession, request);
    EXPECT_OK(session);
    return session.ok() ? session->progress().count() : -1;
  }

  /// Sends one tensor over a separate stream.
  v1::ObservationAck Observe(const std::string& session, std::int64_t index,
                             const std::vector<float>& values) {
    return Observe(Tensor(session, index, values));
  }
  // Sends one observation, and returns its acknowledgement.
  v1::ObservationAck Observe(const v1::ObserveRequest& request) {
    ObserveCall call(stub_);
    EXPECT_TRUE(call.Send(request));
    call.HalfClose();
    const std::vector<v1::ObservationAck> acks = call.RemainingAcks();
    EXPECT_OK(call.Finish());
    EXPECT_EQ(acks.size(), 1U);
    return acks.empty() ? v1::ObservationAck() : acks[0];
  }

  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  v1::Calibration::Stub stub_;
};

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_SERVER_FIXTURE_H_
