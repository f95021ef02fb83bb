#include "server/ingest.h"

#include "absl/strings/str_cat.h"
#include "core/dtype.h"
#include "core/record.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxWorker = 256;

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// The lowest of `elements` (sign -1) or the highest (+1); a NaN wins over all.
absl::string_view Extreme(Dtype dtype, absl::string_view elements, int sign) {
  const std::size_t size = ByteSize(dtype);
  const auto at = [&](std::size_t i) { return AsBytes(elements).data() + i * size; };
  std::size_t best = 0;
  for (std::size_t i = 0; i * size < elements.size(); ++i) {
    if (IsNan(dtype, at(i))) return elements.substr(i * size, size);
    if (sign * CompareElements(dtype, at(i), at(best)) > 0) best = i;
  }
  return elements.substr(best * size, size);
}

}  // namespace

absl::Status Ingest::SetWorker(absl::string_view worker) {
  if (worker.size() > kMaxWorker) {
    return absl::InvalidArgumentError(
        absl::StrCat("worker has ", worker.size(), " bytes; at most ", kMaxWorker, " are allowed"));
  }
  worker_ = std::string(worker);
  return absl::OkStatus();
}

void Ingest::Begin(const ObservationHeader& header) {
  RejectUnfinished();
  const std::int64_t ordinal = next_ordinal_++;
  dropping_ = false;
  if (absl::Status status = Start(header, ordinal); !status.ok()) {
    Reject(ordinal, header.index, std::move(status));
    return;
  }
  if (tensor_->reducer.remaining_bytes() == 0) Complete();
}

void Ingest::ExpectData(std::size_t bytes) {
  if (bytes == 0 || dropping_) return;
  if (!tensor_) {
    Reject(-1, std::nullopt,
           absl::InvalidArgumentError(
               absl::StrCat(bytes,
                            " bytes of data belong to no observation: the one before "
                            "was complete, and no header came since")));
    return;
  }
  if (absl::Status status = tensor_->reducer.CheckRemain(bytes); !status.ok()) {
    const Tensor tensor = *std::move(tensor_);
    tensor_.reset();
    Reject(tensor.ordinal, tensor.index, std::move(status));
  }
}

void Ingest::Data(absl::Span<const std::byte> piece) {
  ExpectData(piece.size());
  if (piece.empty() || !tensor_) return;
  tensor_->reducer.Update(piece).IgnoreError();  // It fits: ExpectData saw to it.
  if (tensor_->reducer.remaining_bytes() == 0) Complete();
}

void Ingest::Reduced(const ReducedObservation& observation) {
  RejectUnfinished();
  const std::int64_t ordinal = next_ordinal_++;
  const ObservationHeader& header = observation.header;
  const absl::StatusOr<Admitted> admitted = Admit(header);
  if (!admitted.ok()) return Reject(ordinal, header.index, admitted.status());
  absl::StatusOr<Record> record = MakeRecord(*admitted, observation);
  if (!record.ok()) return Reject(ordinal, header.index, record.status());
  Ack ack = admitted->session->Add(header.index, admitted->view.qparam_shape,
                                   std::make_shared<const Record>(*std::move(record)), worker_,
                                   admitted->series);
  ack.ordinal = ordinal;
  acks_.push_back(std::move(ack));
  dropping_ = false;
}

void Ingest::Unreadable(absl::Status status) {
  RejectUnfinished();
  Reject(-1, std::nullopt, std::move(status));
}

void Ingest::End() { RejectUnfinished(); }

absl::StatusOr<Ingest::Admitted> Ingest::Admit(const ObservationHeader& header) {
  if (header.index && (*header.index < 0 || *header.index > kMaxBatchIndex)) {
    return absl::OutOfRangeError(
        absl::StrCat("index ", *header.index, " is not in 0 to ", kMaxBatchIndex));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Session> session, sessions_->Find(header.session));
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(header.dtype));
  ASSIGN_OR_RETURN(Session::Admission admission, session->Admit(dtype, header.shape));
  const std::int64_t num_observations =
      header.num_observations.value_or(admission.view.num_observations);
  if (num_observations < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_observations is ", num_observations, "; it may not be negative"));
  }
  return Admitted{std::move(session), admission.series, dtype, std::move(admission.view),
                  num_observations};
}

absl::Status Ingest::Start(const ObservationHeader& header, std::int64_t ordinal) {
  ASSIGN_OR_RETURN(Admitted admitted, Admit(header));
  // Before the reducer: it takes what it needs when it is made.
  ASSIGN_OR_RETURN(MemoryBudget::Lease lease,
                   budget_->Take(Reducer::StateBytes(admitted.dtype, admitted.view)));
  std::vector<std::int64_t> qparam_shape = admitted.view.qparam_shape;
  tensor_.emplace(
      Tensor{ordinal, header.index, std::move(admitted.session), admitted.series,
             std::move(qparam_shape), std::move(lease),
             Reducer(admitted.dtype, std::move(admitted.view), admitted.num_observations)});
  return absl::OkStatus();
}

absl::StatusOr<Record> Ingest::MakeRecord(const Admitted& admitted,
                                          const ReducedObservation& observation) {
  if (admitted.view.num_elements() == 0) {
    if (!observation.min.empty() || !observation.max.empty()) {
      return absl::InvalidArgumentError("min and max must be empty for a tensor without elements");
    }
    return Record::Empty(admitted.dtype, admitted.num_observations);
  }
  const auto expected =
      static_cast<std::size_t>(admitted.view.num_params()) * ByteSize(admitted.dtype);
  if (observation.min.size() != expected || observation.max.size() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("min has ", observation.min.size(), " bytes and max ", observation.max.size(),
                     "; the shape gives ", admitted.view.num_params(), " parameters, ", expected,
                     " bytes of ", DtypeName(admitted.dtype), " each"));
  }
  if (observation.global_min.empty() != observation.global_max.empty()) {
    return absl::InvalidArgumentError("global_min and global_max must be given together");
  }
  const bool derived = observation.global_min.empty();
  if (derived && admitted.view.IsPadded()) {
    return absl::InvalidArgumentError(
        "global_min and global_max are missing: some parameters cover padding, so the "
        "tensor's own range cannot be told from theirs");
  }
  const absl::string_view global_min =
      derived ? Extreme(admitted.dtype, observation.min, -1) : observation.global_min;
  const absl::string_view global_max =
      derived ? Extreme(admitted.dtype, observation.max, 1) : observation.global_max;
  ASSIGN_OR_RETURN(Record record, Record::Make(admitted.dtype, admitted.num_observations,
                                               AsBytes(observation.min), AsBytes(observation.max),
                                               AsBytes(global_min), AsBytes(global_max)));
  RETURN_IF_ERROR(record.CheckAgainst(admitted.view));
  return record;
}

void Ingest::Complete() {
  Tensor tensor = *std::move(tensor_);
  tensor_.reset();
  absl::StatusOr<Record> record = std::move(tensor.reducer).Finish();
  if (!record.ok()) return Reject(tensor.ordinal, tensor.index, record.status());
  Ack ack = tensor.session->Add(tensor.index, tensor.qparam_shape,
                                std::make_shared<const Record>(*std::move(record)), worker_,
                                tensor.series);
  ack.ordinal = tensor.ordinal;
  acks_.push_back(std::move(ack));
}

void Ingest::RejectUnfinished() {
  if (!tensor_) return;
  const Tensor tensor = *std::move(tensor_);
  tensor_.reset();
  const std::int64_t total = tensor.reducer.total_bytes();
  Reject(tensor.ordinal, tensor.index,
         absl::InvalidArgumentError(absl::StrCat(
             "the tensor ended after ", total - tensor.reducer.remaining_bytes(), " of ", total,
             " bytes, which its dtype and shape call for; nothing of it was kept")));
}

void Ingest::Reject(std::int64_t ordinal, std::optional<BatchIndex> index, absl::Status status) {
  acks_.push_back({ordinal, index.value_or(-1), Outcome::kRejected, std::move(status)});
  dropping_ = true;
}

}  // namespace calipers::server
