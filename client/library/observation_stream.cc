#include "client/library/observation_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/library/client.h"
#include "client/library/observe_message.h"
#include "core/limits.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kMethod[] = "/calipers.v1.Calibration/Observe";
constexpr std::size_t kLargestPiece = std::size_t{1} << 30;
constexpr absl::Duration kLongestBackoff = absl::Seconds(5);
// A message of reduced observations is sent when it has this many bytes or observations.
constexpr std::size_t kReducedMessageBytes = std::size_t{256} << 10;
constexpr std::size_t kReducedMessageObservations = 1000;

StreamOptions Checked(StreamOptions options) {
  options.piece_bytes = std::clamp<std::size_t>(options.piece_bytes, 1, kLargestPiece);
  options.window = std::max<std::size_t>(options.window, 1);
  return options;
}

absl::Status CheckWorker(const std::string& worker) {
  if (worker.size() <= kMaxWorkerBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the worker's name has ", worker.size(),
                                                 " bytes; at most ", kMaxWorkerBytes,
                                                 " are allowed"));
}

// True if the server may accept this observation at the next attempt.
bool IsForTheMoment(const v1::ObservationAck& ack) {
  const auto code = static_cast<absl::StatusCode>(ack.status().code());
  return ack.outcome() == v1::ObservationAck::OUTCOME_REJECTED &&
         (code == absl::StatusCode::kResourceExhausted || code == absl::StatusCode::kUnavailable);
}

// True if the next call may succeed after a call with this status.
bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      // gRPC uses these words for a message above the server's limit. Sending it again cannot
      // succeed.
      return !absl::StrContains(status.message(), "larger than max");
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kOk:  // the server ended the call too early
      return true;
    default:
      return false;
  }
}

}  // namespace

StreamTotals& StreamTotals::operator+=(const StreamTotals& other) {
  stored += other.stored;
  duplicates += other.duplicates;
  conflicts += other.conflicts;
  rejected += other.rejected;
  reconnects += other.reconnects;
  return *this;
}

ObservationStream::ObservationStream(std::shared_ptr<grpc::Channel> channel, StreamOptions options,
                                     OnRefused on_refused)
    : channel_(std::move(channel)),
      method_(kMethod, grpc::internal::RpcMethod::BIDI_STREAMING, channel_),
      options_(Checked(std::move(options))),
      on_refused_(std::move(on_refused)),
      in_window_(options_.window, options_.held_bytes) {}

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
  worker_sent_.clear();
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
    for (const v1::ObservationAck& ack : response.acks()) HandleAck(ack);
  }
  absl::MutexLock lock(&mu_);
  broken_ = true;
}

void ObservationStream::HandleAck(const v1::ObservationAck& ack) {
  Pending done;
  {
    absl::MutexLock lock(&mu_);
    // Without an ordinal, the acknowledgement is about a whole message. The server sends no
    // acknowledgements for the observations in it.
    if (ack.ordinal() < 0) {
      unreadable_.Update(absl::InvalidArgumentError(
          absl::StrCat("the server cannot take what was sent: ", ack.status().message())));
      context_->TryCancel();
      return;
    }
    if (pending_.empty()) return;
    attempts_ = 1;
    done = std::move(pending_.front());
    pending_.pop_front();
    if (IsForTheMoment(ack) && done.attempts < options_.max_attempts) {
      ++done.attempts;
      postponed_.push_back(std::move(done));
      return;
    }
    in_window_.Remove(done.bytes());
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
  on_refused_(done.header(), ack);
}

const v1::ObservationHeader& ObservationStream::Pending::header() const {
  const auto* const tensor = std::get_if<Tensor>(&what);
  return tensor != nullptr ? tensor->header : std::get<Reduced>(what).observation->header();
}

std::size_t ObservationStream::Pending::bytes() const {
  if (const auto* const tensor = std::get_if<Tensor>(&what)) return tensor->data.size();
  const v1::ReducedObservation& reduced = *std::get<Reduced>(what).observation;
  return reduced.min().size() + reduced.max().size();
}

absl::Status ObservationStream::Observe(const v1::ObservationHeader& header,
                                        absl::Span<const std::byte> data,
                                        std::shared_ptr<const void> owner) {
  RETURN_IF_ERROR(CheckWorker(options_.worker));
  return Send({{Tensor{header, data, std::move(owner)}}});
}

absl::Status ObservationStream::ObserveReduced(std::vector<v1::ReducedObservation> observations,
                                               const std::string& worker) {
  const auto name = std::make_shared<const std::string>(worker.empty() ? options_.worker : worker);
  RETURN_IF_ERROR(CheckWorker(*name));
  const std::size_t most = std::min(options_.window, kReducedMessageObservations);
  std::vector<Pending> part;
  for (v1::ReducedObservation& observation : observations) {
    part.push_back(
        {Reduced{std::make_shared<const v1::ReducedObservation>(std::move(observation)), name}});
    if (part.size() < most) continue;
    RETURN_IF_ERROR(Send(std::exchange(part, {})));
  }
  return part.empty() ? absl::OkStatus() : Send(part);
}

absl::Status ObservationStream::Send(const std::vector<Pending>& observations) {
  for (const Pending& observation : observations) {
    if (observation.header().has_index()) continue;
    return absl::InvalidArgumentError("an observation that may be sent again needs an index");
  }
  RETURN_IF_ERROR(failed_);
  if (call_ == nullptr) Open();
  std::size_t bytes = 0;
  for (const Pending& observation : observations) bytes += observation.bytes();
  RETURN_IF_ERROR(AwaitRoom(observations.size(), bytes));
  bool broken = false;
  {
    absl::MutexLock lock(&mu_);
    broken = broken_;
    for (const Pending& observation : observations) {
      in_window_.Add(observation.bytes());
      pending_.push_back(observation);
    }
  }
  if (!broken && Write(observations)) return absl::OkStatus();
  return Reconnect(absl::UnavailableError("the stream broke"));
}

absl::Status ObservationStream::AwaitRoom(std::size_t count, std::size_t bytes) {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      // If nothing is in flight, postponed observations fill the window, and only this thread can
      // send them.
      const auto settled = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return broken_ || in_window_.HasRoom(count, bytes) || pending_.empty();
      };
      mu_.Await(absl::Condition(&settled));
      if (broken_ || in_window_.HasRoom(count, bytes)) return absl::OkStatus();
    }
    RETURN_IF_ERROR(SendPostponedLater());
  }
}

bool ObservationStream::Write(absl::Span<const Pending> observations) {
  while (!observations.empty()) {
    std::size_t count = 1;
    const auto* const tensor = std::get_if<Tensor>(&observations.front().what);
    if (tensor != nullptr ? !WriteTensor(*tensor) : !WriteReduced(observations, count)) {
      return false;
    }
    observations.remove_prefix(count);
  }
  return true;
}

void ObservationStream::SetWorker(const std::string& worker, v1::ObserveRequest& request) {
  if (worker == worker_sent_) return;
  request.set_worker(worker);
  worker_sent_ = worker;
}

bool ObservationStream::WriteTensor(const Tensor& tensor) {
  v1::ObserveRequest fields;
  SetWorker(options_.worker, fields);
  *fields.mutable_header() = tensor.header;
  absl::Span<const std::byte> rest = tensor.data;
  do {
    const absl::Span<const std::byte> piece =
        rest.first(std::min(rest.size(), options_.piece_bytes));
    if (!call_->Write(ObserveMessage(fields, piece, tensor.owner))) return false;
    fields.Clear();
    rest.remove_prefix(piece.size());
  } while (!rest.empty());
  return true;
}

bool ObservationStream::WriteReduced(absl::Span<const Pending> observations, std::size_t& count) {
  const std::string& worker = *std::get<Reduced>(observations.front().what).worker;
  v1::ObserveRequest request;
  SetWorker(worker, request);
  std::size_t bytes = 0;
  for (count = 0; count < observations.size(); ++count) {
    const auto* const reduced = std::get_if<Reduced>(&observations[count].what);
    if (reduced == nullptr || *reduced->worker != worker || bytes >= kReducedMessageBytes ||
        count == kReducedMessageObservations) {
      break;
    }
    *request.mutable_reduced()->add_observations() = *reduced->observation;
    bytes += reduced->observation->ByteSizeLong();
  }
  return call_->Write(ObserveMessage(request, {}, nullptr));
}

absl::Status ObservationStream::Reconnect(absl::Status why) {
  while (true) {
    // A write or a read has failed, so the call is over and its status is available.
    if (const absl::Status ended = Close(); !ended.ok()) why = ended;
    std::vector<Pending> again;
    int attempt = 0;
    {
      absl::MutexLock lock(&mu_);
      attempt = attempts_++;
      again.assign(pending_.begin(), pending_.end());
      if (!unreadable_.ok()) why = unreadable_;
    }
    if (options_.check_data) {
      if (absl::Status data = options_.check_data(); !data.ok()) why = std::move(data);
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
    if (Write(again)) return absl::OkStatus();
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
  // Observations that are refused again in the meantime are queued behind these.
  for (; count > 0; --count) {
    Pending next;
    {
      absl::MutexLock lock(&mu_);
      next = std::move(postponed_.front());
      postponed_.pop_front();
      pending_.push_back(next);
    }
    if (!Write({&next, 1})) {
      RETURN_IF_ERROR(Reconnect(absl::UnavailableError("the stream broke")));
    }
  }
  return absl::OkStatus();
}

absl::Status ObservationStream::Finish() {
  RETURN_IF_ERROR(failed_);
  while (call_ != nullptr) {
    RETURN_IF_ERROR(AwaitAllAcknowledged());
    {
      absl::MutexLock lock(&mu_);
      if (postponed_.empty()) break;
    }
    RETURN_IF_ERROR(SendPostponedLater());
  }
  // Every observation is acknowledged, so the status of the call itself does not matter.
  Close().IgnoreError();
  return absl::OkStatus();
}

absl::Status ObservationStream::SendPostponedLater() {
  int attempt = 0;
  {
    absl::MutexLock lock(&mu_);
    attempt = postponed_.front().attempts - 1;
  }
  Wait(attempt);
  return SendPostponed();
}

void ObservationStream::Wait(int attempt) {
  const absl::Duration longest =
      std::min(options_.backoff * (1 << std::min(attempt - 1, 16)), kLongestBackoff);
  absl::SleepFor(longest * std::uniform_real_distribution<double>(0.5, 1.0)(random_));
}

}  // namespace calipers::client
