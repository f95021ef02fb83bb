#include "server/rpc/observe_stream.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/proto_buffer_writer.h"
#include "server/base/log.h"
#include "server/rpc/observe_request_parser.h"
#include "server/rpc/proto_convert.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxPendingAcks = 4096;
// With this many acknowledgements, a response stays below the 4 MiB that a gRPC client accepts by
// default, however long their error messages are.
constexpr std::size_t kMaxAcksPerResponse = 1024;
constexpr int kWriterBlock = 64 << 10;

grpc::ByteBuffer Serialize(const v1::ObserveResponse& response) {
  grpc::ByteBuffer buffer;
  {
    // The destructor of the writer completes the buffer.
    grpc::ProtoBufferWriter writer(&buffer, kWriterBlock,
                                   static_cast<int>(response.ByteSizeLong()));
    response.SerializeToZeroCopyStream(&writer);
  }
  return buffer;
}

}  // namespace

grpc::Status ShuttingDown() {
  return {grpc::StatusCode::UNAVAILABLE,
          "the server is shutting down; connect again and send what was not acknowledged"};
}

void StreamTally::Count(const Ack& ack) {
  std::int64_t* const counts[] = {&stored, &duplicates, &conflicts, &rejected};
  ++*counts[static_cast<std::size_t>(ack.outcome)];
  first_problem.Update(ack.status);
}

void StreamTally::Log(absl::string_view worker, std::int64_t messages) const {
  LogFields fields = {
      {"worker", std::string(worker)},        {"messages", absl::StrCat(messages)},
      {"stored", absl::StrCat(stored)},       {"duplicates", absl::StrCat(duplicates)},
      {"conflicts", absl::StrCat(conflicts)}, {"rejected", absl::StrCat(rejected)}};
  if (first_problem.ok()) return LogInfo("stream ended", fields);
  fields.emplace_back("first_problem", first_problem.ToString());
  LogWarning("stream ended", fields);
}

ObserveStream::ObserveStream(std::function<void(ObserveStream*)> on_done,
                             const ObservationIngest::Shared& shared, const std::string& peer)
    : on_done_(std::move(on_done)),
      acks_(std::make_shared<AckQueue>()),
      ingest_(shared, acks_, peer) {}

void ObserveStream::Start() {
  // A commit may end after the call. Then there is nothing more to do.
  acks_->NotifyReady([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnAcks();
  });
  OnAcks();
}

void ObserveStream::OnAcks() {
  Step step;
  {
    absl::MutexLock lock(&mu_);
    step = NextStep();
  }
  Do(step);
}

void ObserveStream::Drain() {
  Step step;
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
    step = NextStep();
  }
  Do(step);
}

void ObserveStream::OnReadDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    at_work_ = true;
  }
  if (ok) {
    Handle(incoming_);
    incoming_.Clear();
  } else {
    ingest_.End();
  }
  ingest_.Commit();
  Step step;
  {
    absl::MutexLock lock(&mu_);
    reading_ = at_work_ = false;
    half_closed_ = !ok;
    in_progress_ = ingest_.in_progress();
    step = NextStep();
  }
  Do(step);
}

void ObserveStream::Handle(grpc::ByteBuffer& message) {
  ++messages_;
  const absl::StatusOr<ObserveRequest> request = ObserveRequest::Parse(message);
  if (!request.ok()) {
    return ingest_.Unreadable(absl::Status(
        request.status().code(),
        absl::StrCat("message ", messages_, " of the stream: ", request.status().message())));
  }
  if (!request->worker().empty()) {
    if (absl::Status status = ingest_.SetWorker(request->worker()); !status.ok()) {
      return ingest_.Unreadable(std::move(status));
    }
  }
  if (request->header()) ingest_.Begin(*request->header());
  ingest_.ExpectReduced(request->reduced().size());
  for (const ReducedObservation& reduced : request->reduced()) ingest_.Reduced(reduced);
  ingest_.ExpectData(request->data_size());
  request->ForEachDataSlice([this](absl::Span<const std::byte> slice) { ingest_.Data(slice); });
}

grpc::ByteBuffer ObserveStream::NextResponse() {
  google::protobuf::Arena arena;
  auto& response = *google::protobuf::Arena::CreateMessage<v1::ObserveResponse>(&arena);
  for (const Ack& ack : acks_->Drain(kMaxAcksPerResponse)) {
    tally_.Count(ack);
    ToProto(ack, *response.add_acks());
  }
  return Serialize(response);
}

void ObserveStream::OnWriteDone(bool ok) {
  Step step;
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    unheard_ = unheard_ || !ok;
    step = NextStep();
  }
  Do(step);
}

void ObserveStream::OnCancel() {
  Step step;
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return;
    finished_ = true;
    step.finish = true;
    step.status = grpc::Status(grpc::StatusCode::CANCELLED, "the call was cancelled");
  }
  Do(step);
}

void ObserveStream::OnDone() {
  // The lock makes this wait for the last steps on other threads.
  StreamTally tally;
  {
    absl::MutexLock lock(&mu_);
    tally = tally_;
  }
  tally.Log(ingest_.worker(), messages_);
  // A copy, since the call may destroy this stream.
  const auto on_done = on_done_;
  on_done(this);
}

ObserveStream::Step ObserveStream::NextStep() {
  Step step;
  if (finished_) return step;
  if (!writing_ && !unheard_ && acks_->HasReady()) {
    outgoing_ = NextResponse();
    writing_ = step.write = true;
  }
  const std::size_t pending = acks_->size();
  const bool quiet = !writing_ && (unheard_ || pending == 0);
  if (half_closed_) {
    finished_ = step.finish = quiet;
  } else if (draining_ && !at_work_ && !in_progress_) {
    finished_ = step.finish = quiet;
    step.status = ShuttingDown();
  } else if (!reading_ && pending < kMaxPendingAcks) {
    reading_ = step.read = true;
  }
  return step;
}

void ObserveStream::Do(const Step& step) {
  if (step.write) StartWrite(&outgoing_);
  if (step.read) StartRead(&incoming_);
  if (step.finish) Finish(step.status);
}

}  // namespace calipers::server
