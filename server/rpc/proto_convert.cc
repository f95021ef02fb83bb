#include "server/rpc/proto_convert.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "core/status_macros.h"
#include "server/rpc/proto_convert_qparams.h"

namespace calipers::server {
namespace {

constexpr int kMaxExcluded = 10'000;

v1::ObservationAck::Outcome ToProto(Outcome outcome) {
  switch (outcome) {
    case Outcome::kStored:
      return v1::ObservationAck::OUTCOME_STORED;
    case Outcome::kDuplicate:
      return v1::ObservationAck::OUTCOME_DUPLICATE;
    case Outcome::kConflict:
      return v1::ObservationAck::OUTCOME_CONFLICT;
    case Outcome::kRejected:
      return v1::ObservationAck::OUTCOME_REJECTED;
  }
  return v1::ObservationAck::OUTCOME_UNSPECIFIED;
}

void ToProto(const StatisticValue& value, v1::Statistic& proto) {
  proto.set_name(value.name);
  proto.set_value(value.value);
}

v1::Range ToProto(const ElementRange& range, const std::vector<std::int64_t>& shape) {
  v1::Range proto;
  *proto.mutable_min() = server::ToProto(range.min, shape);
  *proto.mutable_max() = server::ToProto(range.max, shape);
  return proto;
}

}  // namespace

v1::Progress ToProto(const Progress& progress) {
  v1::Progress proto;
  proto.set_count(progress.count);
  proto.set_folded_count(progress.folded_count);
  proto.set_contiguous_prefix(progress.contiguous_prefix);
  proto.set_end_index(progress.end_index);
  for (const IndexRange& range : progress.missing) {
    v1::IndexRange* missing = proto.add_missing();
    missing->set_start(range.start);
    missing->set_end(range.end);
  }
  proto.set_missing_range_count(progress.missing_range_count);
  proto.set_num_observations(progress.num_observations);
  proto.set_conflict_count(progress.conflict_count);
  return proto;
}

v1::Tensor ToProto(const Elements& elements, const std::vector<std::int64_t>& shape) {
  v1::Tensor proto;
  proto.set_dtype(std::string(DtypeName(elements.dtype)));
  proto.mutable_shape()->Assign(shape.begin(), shape.end());
  proto.set_data(elements.bytes.data(), elements.bytes.size());
  return proto;
}

v1::Session ToProto(Session& session) {
  const SessionSnapshot snapshot = session.Snapshot();
  v1::Session proto = ToProto(session.identity());
  *proto.mutable_progress() = ToProto(snapshot.progress);
  if (snapshot.qparam_shape) {
    proto.mutable_qparam_shape()->Assign(snapshot.qparam_shape->begin(),
                                         snapshot.qparam_shape->end());
  }
  if (snapshot.observed_dtype) {
    proto.set_observed_dtype(std::string(DtypeName(*snapshot.observed_dtype)));
  }
  if (snapshot.sealed_count) proto.set_sealed_count(*snapshot.sealed_count);
  if (!snapshot.problem.ok()) *proto.mutable_problem() = ToProto(snapshot.problem);
  return proto;
}

v1::MinMax ToProto(const Session& session, const MinMaxAnswer& answer,
                   const google::protobuf::FieldMask& read_mask) {
  const auto wanted = [&read_mask](absl::string_view member) {
    return read_mask.paths().empty() ||
           std::find(read_mask.paths().begin(), read_mask.paths().end(), member) !=
               read_mask.paths().end();
  };
  const std::vector<std::int64_t> one = {1};
  v1::MinMax proto;
  proto.set_session(session.name().full());
  if (wanted("range")) *proto.mutable_range() = ToProto(answer.folded.range, answer.qparam_shape);
  if (wanted("current")) *proto.mutable_current() = ToProto(answer.current, answer.qparam_shape);
  if (wanted("global")) *proto.mutable_global() = ToProto(answer.folded.global, one);
  if (wanted("current_global")) {
    *proto.mutable_current_global() = ToProto(answer.current_global, one);
  }
  if (wanted("global_of_range")) {
    *proto.mutable_global_of_range() = ToProto(answer.folded.global_of_range, one);
  }
  if (wanted("progress")) *proto.mutable_progress() = ToProto(answer.progress);
  if (wanted("statistics")) {
    for (const StatisticValue& value : answer.statistics) ToProto(value, *proto.add_statistics());
  }
  return proto;
}

v1::SweepMinMaxResponse ToProto(absl::Span<const double> averaging_constants,
                                const SweepAnswer& answer) {
  const std::vector<std::int64_t> one = {1};
  v1::SweepMinMaxResponse proto;
  for (std::size_t i = 0; i < averaging_constants.size(); ++i) {
    v1::SweepMinMaxResponse::Result& result = *proto.add_results();
    result.set_averaging_constant(averaging_constants[i]);
    *result.mutable_range() = ToProto(answer.folded[i].range, answer.qparam_shape);
    *result.mutable_global() = ToProto(answer.folded[i].global, one);
    *result.mutable_global_of_range() = ToProto(answer.folded[i].global_of_range, one);
  }
  *proto.mutable_progress() = ToProto(answer.progress);
  return proto;
}

void ToProto(absl::string_view session, const SeriesReader::Entry& entry, v1::SeriesRecord& proto) {
  const SeriesRecord& observed = *entry.observed;
  const Record& record = observed.record;
  v1::ReducedObservation& observation = *proto.mutable_observation();
  v1::ObservationHeader& header = *observation.mutable_header();
  header.set_session(std::string(session));
  header.set_index(entry.index);
  header.set_dtype(std::string(DtypeName(record.dtype())));
  header.mutable_shape()->Assign(observed.shape.begin(), observed.shape.end());
  header.set_num_observations(record.num_observations());
  const auto set = [](absl::Span<const std::byte> from, std::string& to) {
    to.assign(reinterpret_cast<const char*>(from.data()), from.size());
  };
  set(record.min(), *observation.mutable_min());
  set(record.max(), *observation.mutable_max());
  set(record.global_min(), *observation.mutable_global_min());
  set(record.global_max(), *observation.mutable_global_max());
  for (const StatisticValue& value : record.statistics().values()) {
    ToProto(value, *observation.add_statistics());
  }
  set(observed.digest, *proto.mutable_digest());
  proto.set_worker(*observed.worker);
}

v1::WorkerCoverage ToProto(const std::string& worker, const Tally& tally) {
  v1::WorkerCoverage proto;
  proto.set_worker(worker);
  proto.set_batches(tally.batches);
  proto.set_tokens(tally.tokens);
  return proto;
}

v1::SessionCoverage ToProto(const Session& session, const SessionCoverage& coverage) {
  v1::SessionCoverage proto;
  proto.set_session(session.name().full());
  proto.set_batches(coverage.total.batches);
  proto.set_tokens(coverage.total.tokens);
  proto.set_empty_batches(coverage.empty_batches);
  for (const auto& [worker, tally] : coverage.workers) {
    *proto.add_workers() = ToProto(worker, tally);
  }
  return proto;
}

std::string MessageText(const absl::Status& status) {
  constexpr std::size_t kMax = 2000;
  const absl::string_view message = status.message();
  std::string text(message.substr(0, kMax));
  for (char& c : text) {
    if (!absl::ascii_isprint(c)) c = '?';
  }
  if (message.size() > kMax) text += "...";
  return text;
}

google::rpc::Status ToProto(const absl::Status& status) {
  google::rpc::Status proto;
  proto.set_code(static_cast<int>(status.code()));
  proto.set_message(MessageText(status));
  return proto;
}

void ToProto(const Ack& ack, v1::ObservationAck& proto) {
  proto.set_ordinal(ack.ordinal);
  proto.set_index(ack.index);
  proto.set_outcome(ToProto(ack.outcome));
  if (!ack.status.ok()) *proto.mutable_status() = ToProto(ack.status);
}

absl::StatusOr<FoldRequest> FromProto(const v1::FoldOptions& options) {
  FoldRequest fold{.observer = options.observer()};
  if (options.observer_kwargs().has_averaging_constant()) {
    fold.averaging_constant = options.observer_kwargs().averaging_constant();
  }
  ASSIGN_OR_RETURN(fold.exclude, ExcludeFromProto(options.exclude()));
  return fold;
}

absl::StatusOr<std::vector<IndexRange>> ExcludeFromProto(
    const google::protobuf::RepeatedPtrField<v1::IndexRange>& exclude) {
  if (exclude.size() > kMaxExcluded) {
    return absl::InvalidArgumentError(absl::StrCat(
        "exclude has ", exclude.size(), " ranges; at most ", kMaxExcluded, " are allowed"));
  }
  std::vector<IndexRange> ranges;
  for (const v1::IndexRange& range : exclude) {
    if (range.start() < 0 || range.end() <= range.start()) {
      return absl::InvalidArgumentError(
          absl::StrCat("exclude has the range ", range.start(), " to ", range.end(),
                       "; give 0 <= start <= end (end is exclusive)"));
    }
    ranges.push_back({range.start(), range.end()});
  }
  return ranges;
}

absl::Status CheckReadMask(const google::protobuf::FieldMask& read_mask) {
  static constexpr absl::string_view kMembers[] = {
      "range", "current", "global", "current_global", "global_of_range", "progress", "statistics"};
  for (const std::string& path : read_mask.paths()) {
    if (std::find(std::begin(kMembers), std::end(kMembers), path) == std::end(kMembers)) {
      return absl::InvalidArgumentError(absl::StrCat("read_mask has \"", path.substr(0, 100),
                                                     "\"; MinMax has ",
                                                     absl::StrJoin(kMembers, ", ")));
    }
  }
  return absl::OkStatus();
}

}  // namespace calipers::server
