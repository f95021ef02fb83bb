#include "server/ingest/observation_ingest.h"

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "core/reduce/record.h"
#include "core/status_macros.h"
#include "core/tensor/dtype.h"

namespace calipers::server {
namespace {

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// The acknowledgements of the records. Sessions with a due checkpoint go to the checkpointer.
std::vector<AckQueue::Filled> Committed(absl::Span<const Committing> committing,
                                        absl::Span<const PutResult> results,
                                        Checkpointer& checkpointer) {
  std::vector<AckQueue::Filled> acks;
  acks.reserve(committing.size());
  for (std::size_t i = 0; i < committing.size(); ++i) {
    const Committing& record = committing[i];
    Ack ack = record.session->Acknowledge(record.series, results[i]);
    ack.ordinal = record.ordinal;
    acks.push_back({record.slot, std::move(ack)});
    if (record.session->ClaimDueCheckpoint()) checkpointer.Add(record.session);
  }
  return acks;
}

}  // namespace

absl::Status ObservationIngest::SetWorker(absl::string_view worker) {
  if (worker.size() > kMaxWorkerBytes) {
    return absl::InvalidArgumentError(absl::StrCat("worker has ", worker.size(), " bytes; at most ",
                                                   kMaxWorkerBytes, " are allowed"));
  }
  worker_ = std::make_shared<const std::string>(worker);
  return absl::OkStatus();
}

void ObservationIngest::Begin(const ObservationHeader& header) {
  RejectUnfinished();
  const std::int64_t ordinal = next_ordinal_++;
  dropping_ = false;
  if (absl::Status status = Start(header, ordinal); !status.ok()) {
    Reject(ordinal, header.index, std::move(status));
    return;
  }
  if (tensor_->reducer.remaining_bytes() == 0) Complete();
}

void ObservationIngest::ExpectReduced(std::size_t observations) {
  records_.reserve(records_.size() + observations);
  committing_.reserve(committing_.size() + observations);
}

void ObservationIngest::ExpectData(std::size_t bytes) {
  if (bytes == 0 || dropping_) return;
  if (!tensor_) {
    Reject(-1, std::nullopt,
           absl::InvalidArgumentError(
               absl::StrCat(bytes,
                            " bytes of data belong to no observation: the last observation is "
                            "complete, and no header followed it")));
    return;
  }
  if (absl::Status status = tensor_->reducer.CheckRemain(bytes); !status.ok()) {
    const Tensor tensor = *std::move(tensor_);
    tensor_.reset();
    Reject(tensor.ordinal, tensor.index, std::move(status));
  }
}

void ObservationIngest::Data(absl::Span<const std::byte> piece) {
  ExpectData(piece.size());
  if (piece.empty() || !tensor_) return;
  tensor_->reducer.Update(piece).IgnoreError();  // ExpectData checked the size.
  if (tensor_->reducer.remaining_bytes() == 0) Complete();
}

void ObservationIngest::Reduced(const ReducedObservation& observation) {
  RejectUnfinished();
  const std::int64_t ordinal = next_ordinal_++;
  const ObservationHeader& header = observation.header;
  absl::StatusOr<Expected> expected = Expect(header);
  if (!expected.ok()) return Reject(ordinal, header.index, expected.status());
  absl::StatusOr<Record> record = MakeRecord(*expected, observation);
  if (!record.ok()) return Reject(ordinal, header.index, record.status());
  absl::StatusOr<InflightBudget::Lease> lease =
      shared_.budget->Reserve(static_cast<std::int64_t>(record->heap_bytes()));
  if (!lease.ok()) return Reject(ordinal, header.index, lease.status());
  Add(ordinal, header.index, expected->session, ToShape(expected->view.qparam_shape),
      SeriesRecord::Make(*std::move(record), header.shape, worker_), std::nullopt,
      *std::move(lease));
  dropping_ = false;
}

void ObservationIngest::Unreadable(absl::Status status) {
  RejectUnfinished();
  Reject(-1, std::nullopt, std::move(status));
}

void ObservationIngest::End() { RejectUnfinished(); }

absl::StatusOr<ObservationIngest::Expected> ObservationIngest::Expect(
    const ObservationHeader& header) const {
  if (header.index && (*header.index < 0 || *header.index > kMaxBatchIndex)) {
    return absl::OutOfRangeError(
        absl::StrCat("index ", *header.index, " is not in 0 to ", kMaxBatchIndex));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Session> session, shared_.sessions->Find(header.session));
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(header.dtype));
  ASSIGN_OR_RETURN(View view, session->ViewOf(dtype, header.shape));
  const std::int64_t num_observations = header.num_observations.value_or(view.num_observations);
  if (num_observations < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_observations is ", num_observations, "; it must be at least 0"));
  }
  return Expected{std::move(session), dtype, std::move(view), num_observations};
}

absl::Status ObservationIngest::Start(const ObservationHeader& header, std::int64_t ordinal) {
  ASSIGN_OR_RETURN(Expected expected, Expect(header));
  // Refuse a tensor that does not fit now, before all its bytes arrive.
  ASSIGN_OR_RETURN(const SeriesId series, expected.session->CurrentSeries());
  RETURN_IF_ERROR(expected.session->CheckFits(series, expected.dtype, expected.view));
  const StatisticSet& statistics = expected.session->spec().statistics;
  // Reserve before making the reducer, because its constructor allocates the memory.
  ASSIGN_OR_RETURN(InflightBudget::Lease lease, shared_.budget->Reserve(Reducer::StateBytes(
                                                    expected.dtype, expected.view, statistics)));
  Shape qparam_shape = ToShape(expected.view.qparam_shape);
  Reducer reducer(expected.dtype, std::move(expected.view), expected.num_observations, statistics);
  tensor_.emplace(Tensor{ordinal, header.index, std::move(expected.session), series,
                         std::move(qparam_shape), ToShape(header.shape), std::move(lease),
                         std::move(reducer)});
  return absl::OkStatus();
}

absl::StatusOr<Record> ObservationIngest::MakeRecord(const Expected& expected,
                                                     const ReducedObservation& observation) const {
  if (expected.view.num_elements() == 0) {
    if (!observation.min.empty() || !observation.max.empty() || !observation.statistics.empty()) {
      return absl::InvalidArgumentError(
          "min, max and statistics must be empty for an empty tensor");
    }
    return Record::Empty(expected.dtype, expected.num_observations);
  }
  const auto bytes =
      static_cast<std::size_t>(expected.view.num_params()) * ByteSize(expected.dtype);
  if (observation.min.size() != bytes || observation.max.size() != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("min has ", observation.min.size(), " bytes and max ", observation.max.size(),
                     "; the shape gives ", expected.view.num_params(), " parameters, ", bytes,
                     " bytes of ", DtypeName(expected.dtype), " each"));
  }
  if (observation.global_min.empty() != observation.global_max.empty()) {
    return absl::InvalidArgumentError("global_min and global_max must be given together");
  }
  if (observation.global_min.empty() && expected.view.IsPadded()) {
    return absl::InvalidArgumentError(
        "global_min and global_max are missing: a parameter covers padding, so the tensor's own "
        "range cannot be computed from min and max");
  }
  ASSIGN_OR_RETURN(Record record,
                   Record::Make(expected.dtype, expected.num_observations, AsBytes(observation.min),
                                AsBytes(observation.max), AsBytes(observation.global_min),
                                AsBytes(observation.global_max)));
  // If no global range is given, it is the extremes of the parameters, and none of these is padded.
  // Only a given range needs a check.
  if (!observation.global_min.empty()) RETURN_IF_ERROR(record.CheckAgainst(expected.view));
  if (observation.statistics.empty() && expected.session->spec().statistics.empty()) return record;
  ASSIGN_OR_RETURN(StatisticValues statistics, CheckedStatistics(expected, observation));
  return std::move(record).WithStatistics(std::move(statistics));
}

absl::StatusOr<StatisticValues> ObservationIngest::CheckedStatistics(
    const Expected& expected, const ReducedObservation& observation) const {
  const StatisticSet& kept = expected.session->spec().statistics;
  std::vector<StatisticValue> values;
  for (const ReducedObservation::Statistic& given : observation.statistics) {
    values.push_back({std::string(given.name), std::string(given.value)});
  }
  ASSIGN_OR_RETURN(StatisticValues statistics, StatisticValues::Make(std::move(values)));
  for (const Statistic* const statistic : kept) {
    const std::string* const value = statistics.Find(statistic->name());
    if (value == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the session keeps the statistic ", statistic->name(), ", and the observation lacks it"));
    }
    const absl::Status valid = statistic->Check(expected.dtype, expected.view, *value);
    if (!valid.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("statistic ", statistic->name(), ": ", valid.message()));
    }
  }
  if (statistics.values().size() == kept.size()) return statistics;
  return absl::InvalidArgumentError(absl::StrCat("the observation has ", statistics.values().size(),
                                                 " statistics; the session keeps ", kept.size()));
}

void ObservationIngest::Complete() {
  Tensor tensor = *std::move(tensor_);
  tensor_.reset();
  absl::StatusOr<Record> record = std::move(tensor.reducer).Finish();
  if (!record.ok()) return Reject(tensor.ordinal, tensor.index, record.status());
  Add(tensor.ordinal, tensor.index, tensor.session, std::move(tensor.qparam_shape),
      SeriesRecord::Make(*std::move(record), tensor.shape, worker_), tensor.series,
      std::move(tensor.lease));
}

void ObservationIngest::Add(std::int64_t ordinal, std::optional<BatchIndex> index,
                            const std::shared_ptr<Session>& session, Shape qparam_shape,
                            std::shared_ptr<const SeriesRecord> observed,
                            std::optional<SeriesId> began_in, InflightBudget::Lease lease) {
  absl::Status allowed = session->CheckPolicy(observed->record);
  if (!allowed.ok()) return Reject(ordinal, index, std::move(allowed));
  const absl::StatusOr<SeriesId> series =
      began_in ? session->StillCurrent(*began_in) : session->CurrentSeries();
  if (!series.ok()) return Reject(ordinal, index, series.status());
  records_.push_back({*series, index, std::move(observed), std::move(qparam_shape)});
  committing_.push_back({acks_->Reserve(), ordinal, session, *series, std::move(lease)});
}

void ObservationIngest::Commit() {
  if (records_.empty()) return;
  shared_.commit->Put(
      std::exchange(records_, {}),
      [acks = acks_, checkpointer = shared_.checkpointer,
       committing = std::exchange(committing_, {})](absl::Span<const PutResult> results) mutable {
        acks->Fill(Committed(committing, results, *checkpointer));
      });
}

void ObservationIngest::RejectUnfinished() {
  if (!tensor_) return;
  const Tensor tensor = *std::move(tensor_);
  tensor_.reset();
  const std::int64_t total = tensor.reducer.total_bytes();
  Reject(tensor.ordinal, tensor.index,
         absl::InvalidArgumentError(absl::StrCat(
             "the tensor ended after ", total - tensor.reducer.remaining_bytes(), " of ", total,
             " bytes that its dtype and shape need; it was not stored")));
}

void ObservationIngest::Reject(std::int64_t ordinal, std::optional<BatchIndex> index,
                               absl::Status status) {
  acks_->Push({ordinal, index.value_or(-1), Outcome::kRejected, std::move(status)});
  dropping_ = true;
}

}  // namespace calipers::server
