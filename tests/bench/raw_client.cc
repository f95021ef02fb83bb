#include "tests/bench/raw_client.h"

#include <algorithm>
#include <chrono>

#include "tests/bench/fail.h"
#include "tests/bench/raw_server.h"

namespace calipers::bench {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

void Check(const std::string& method, const grpc::Status& status) {
  if (status.ok() || status.error_code() == grpc::StatusCode::NOT_FOUND) return;
  Fail(method + ": " + status.error_message());
}

// The operation to which an event of the completion queue belongs.
enum Tag : std::intptr_t { kStarted, kRead, kWritten, kDone, kFinished };
void* AsTag(Tag tag) { return reinterpret_cast<void*>(tag); }

}  // namespace

RawClient::RawClient(const std::string& target)
    : channel_(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), Arguments())),
      stub_(channel_) {}

void RawClient::Connect() {
  if (!channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30))) {
    Fail("no connection");
  }
}

double RawClient::Stream(const std::string& method, std::vector<grpc::ByteBuffer>& messages,
                         int answer_every) {
  const Clock::time_point begin = Clock::now();
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.AddMetadata(kAnswerEvery, std::to_string(answer_every));
  const auto call = stub_.PrepareCall(&context, method, &queue);
  grpc::ByteBuffer answer;
  grpc::Status status;
  std::size_t next = 0;
  call->StartCall(AsTag(kStarted));
  void* event = nullptr;
  bool ok = false;
  while (queue.Next(&event, &ok)) {
    switch (static_cast<Tag>(reinterpret_cast<std::intptr_t>(event))) {
      case kStarted:
        call->Read(&answer, AsTag(kRead));
        call->Write(messages[next++], AsTag(kWritten));
        break;
      case kWritten:
        if (ok && next < messages.size()) {
          call->Write(messages[next++], AsTag(kWritten));
        } else {
          call->WritesDone(AsTag(kDone));
        }
        break;
      case kRead:
        if (ok) {
          call->Read(&answer, AsTag(kRead));
        } else {
          call->Finish(&status, AsTag(kFinished));
        }
        break;
      case kDone:
        break;
      case kFinished:
        queue.Shutdown();
        break;
    }
  }
  const double seconds = Seconds(begin);
  Check(method, status);
  return seconds;
}

double RawClient::Unary(const std::string& method, const grpc::ByteBuffer& request,
                        grpc::ByteBuffer* answer) {
  const Clock::time_point begin = Clock::now();
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto call = stub_.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::ByteBuffer unused;
  grpc::Status status;
  call->Finish(answer != nullptr ? answer : &unused, &status, AsTag(kFinished));
  void* event = nullptr;
  bool ok = false;
  queue.Next(&event, &ok);
  const double seconds = Seconds(begin);
  Check(method, status);
  return seconds;
}

double RawClient::Unaries(const std::string& method, const std::vector<grpc::ByteBuffer>& requests,
                          std::size_t window) {
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer answer;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
  };
  const Clock::time_point begin = Clock::now();
  grpc::CompletionQueue queue;
  std::size_t started = 0;
  const auto start_next = [&] {
    auto* const call = new Call;
    call->reader = stub_.PrepareUnaryCall(&call->context, method, requests[started++], &queue);
    call->reader->StartCall();
    call->reader->Finish(&call->answer, &call->status, call);
  };
  while (started < std::min(window, requests.size())) start_next();
  for (std::size_t done = 0; done < requests.size(); ++done) {
    void* event = nullptr;
    bool ok = false;
    queue.Next(&event, &ok);
    const std::unique_ptr<Call> call(static_cast<Call*>(event));
    Check(method, call->status);
    if (started < requests.size()) start_next();
  }
  return Seconds(begin);
}

}  // namespace calipers::bench
