#include "client/observation_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "client/observe_message.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kMethod[] = "/calipers.v1.Calibration/Observe";
constexpr std::size_t kLargestPiece = std::size_t{1} << 30;
constexpr absl::Duration kLongestBackoff = absl::Seconds(5);

StreamOptions Checked(StreamOptions options) {
  options.piece_bytes = std::clamp<std::size_t>(options.piece_bytes, 1, kLargestPiece);
  return options;
}

// A call that ended like this may go well the next time.
bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kOk:  // ended by the server before all was said
      return true;
    default:
      return false;
  }
}

}  // namespace

ObservationStream::ObservationStream(std::shared_ptr<grpc::Channel> channel, StreamOptions options,
                                     OnRefused on_refused)
    : channel_(std::move(channel)),
      method_(kMethod, grpc::internal::RpcMethod::BIDI_STREAMING, channel_),
      options_(Checked(std::move(options))),
      on_refused_(std::move(on_refused)) {}

ObservationStream::~ObservationStream() {
  if (context_ != nullptr) context_->TryCancel();
  Close().IgnoreError();
}

StreamTotals ObservationStream::totals() const {
  absl::MutexLock lock(&mu_);
  return totals_;
}

void ObservationStream::Open() {
  context_ = std::make_unique<grpc::ClientContext>();
  call_.reset(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, v1::ObserveResponse>::Create(
          channel_.get(), method_, context_.get()));
  worker_sent_ = false;
  {
    absl::MutexLock lock(&mu_);
    broken_ = false;
  }
  reader_ = std::thread([this] { ReadAcks(); });
}

absl::Status ObservationStream::Close() {
  if (call_ == nullptr) return absl::OkStatus();
  call_->WritesDone();
  reader_.join();
  absl::Status status = FromGrpc(call_->Finish());
  call_.reset();
  context_.reset();
  return status;
}

void ObservationStream::ReadAcks() {
  v1::ObserveResponse response;
  while (call_->Read(&response)) {
    for (const v1::ObservationAck& ack : response.acks()) TakeAck(ack);
  }
  absl::MutexLock lock(&mu_);
  broken_ = true;
}

void ObservationStream::TakeAck(const v1::ObservationAck& ack) {
  Pending done;
  {
    absl::MutexLock lock(&mu_);
    // Without an ordinal it is about a message, not about an observation; what
    // that message belonged to has an acknowledgement of its own.
    if (ack.ordinal() < 0 || pending_.empty()) return;
    attempts_ = 1;
    done = std::move(pending_.front());
    pending_.pop_front();
    const bool no_room =
        ack.outcome() == v1::ObservationAck::OUTCOME_REJECTED &&
        ack.status().code() == static_cast<int>(absl::StatusCode::kResourceExhausted);
    if (no_room && done.attempts < options_.max_attempts) {
      ++done.attempts;
      postponed_.push_back(std::move(done));
      return;
    }
    switch (ack.outcome()) {
      case v1::ObservationAck::OUTCOME_STORED:
        ++totals_.stored;
        return;
      case v1::ObservationAck::OUTCOME_DUPLICATE:
        ++totals_.duplicates;
        return;
      case v1::ObservationAck::OUTCOME_CONFLICT:
        ++totals_.conflicts;
        break;
      default:
        ++totals_.rejected;
    }
  }
  on_refused_(done.header, ack);
}

absl::Status ObservationStream::Observe(const v1::ObservationHeader& header,
                                        absl::Span<const std::byte> data,
                                        std::shared_ptr<const void> owner) {
  if (!header.has_index()) {
    return absl::InvalidArgumentError("an observation that may be sent again needs an index");
  }
  RETURN_IF_ERROR(failed_);
  if (call_ == nullptr) Open();
  const Pending observation{header, data, std::move(owner)};
  bool broken = false;
  {
    absl::MutexLock lock(&mu_);
    const auto room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return broken_ || pending_.size() < options_.window;
    };
    mu_.Await(absl::Condition(&room));
    broken = broken_;
    pending_.push_back(observation);
  }
  if (!broken && Write(observation)) return absl::OkStatus();
  return Reconnect(absl::UnavailableError("the stream broke"));
}

bool ObservationStream::Write(const Pending& observation) {
  v1::ObserveRequest fields;
  if (!std::exchange(worker_sent_, true)) fields.set_worker(options_.worker);
  *fields.mutable_header() = observation.header;
  absl::Span<const std::byte> rest = observation.data;
  do {
    const absl::Span<const std::byte> piece =
        rest.first(std::min(rest.size(), options_.piece_bytes));
    if (!call_->Write(ObserveMessage(fields, piece, observation.owner))) return false;
    fields.Clear();
    rest.remove_prefix(piece.size());
  } while (!rest.empty());
  return true;
}

absl::Status ObservationStream::Reconnect(absl::Status why) {
  while (true) {
    // A write or a read has failed, so the call is over and its status is there.
    if (const absl::Status ended = Close(); !ended.ok()) why = ended;
    std::vector<Pending> again;
    int attempt = 0;
    {
      absl::MutexLock lock(&mu_);
      attempt = attempts_++;
      again.assign(pending_.begin(), pending_.end());
    }
    if (!IsTransient(why) || attempt >= options_.max_attempts) {
      return GiveUp(why, attempt);
    }
    Wait(attempt);
    Open();
    {
      absl::MutexLock lock(&mu_);
      ++totals_.reconnects;
    }
    if (std::all_of(again.begin(), again.end(),
                    [this](const Pending& observation) { return Write(observation); })) {
      return absl::OkStatus();
    }
  }
}

absl::Status ObservationStream::GiveUp(const absl::Status& why, int attempts) {
  absl::MutexLock lock(&mu_);
  failed_ =
      absl::Status(why.code(), absl::StrCat("gave up after ", attempts, " attempts with ",
                                            pending_.size() + postponed_.size(),
                                            " observations not acknowledged: ", why.message()));
  return failed_;
}

absl::Status ObservationStream::AwaitAllAcknowledged() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      const auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return broken_ || pending_.empty();
      };
      mu_.Await(absl::Condition(&settled));
      if (pending_.empty()) return absl::OkStatus();
    }
    RETURN_IF_ERROR(Reconnect(absl::UnavailableError("the stream broke")));
  }
}

absl::Status ObservationStream::SendPostponed() {
  std::size_t count = 0;
  {
    absl::MutexLock lock(&mu_);
    count = postponed_.size();
  }
  // What is refused once more meanwhile lines up behind these.
  for (; count > 0; --count) {
    Pending next;
    {
      absl::MutexLock lock(&mu_);
      next = std::move(postponed_.front());
      postponed_.pop_front();
      pending_.push_back(next);
    }
    if (!Write(next)) {
      RETURN_IF_ERROR(Reconnect(absl::UnavailableError("the stream broke")));
    }
  }
  return absl::OkStatus();
}

absl::Status ObservationStream::Finish() {
  RETURN_IF_ERROR(failed_);
  while (call_ != nullptr) {
    RETURN_IF_ERROR(AwaitAllAcknowledged());
    int attempt = 0;
    {
      absl::MutexLock lock(&mu_);
      if (postponed_.empty()) break;
      attempt = postponed_.front().attempts - 1;
    }
    Wait(attempt);
    RETURN_IF_ERROR(SendPostponed());
  }
  // All is acknowledged; how the call itself ends changes nothing.
  Close().IgnoreError();
  return absl::OkStatus();
}

void ObservationStream::Wait(int attempt) {
  const absl::Duration longest =
      std::min(options_.backoff * (1 << std::min(attempt - 1, 16)), kLongestBackoff);
  absl::SleepFor(longest * std::uniform_real_distribution<double>(0.5, 1.0)(random_));
}

}  // namespace calipers::client
