#include "server/storage/rows.h"

#include <cassert>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/limits.h"
#include "core/status_macros.h"
#include "server/model/session_proto.h"
#include "storage/rows.pb.h"

namespace calipers::server {
namespace {

using storage::v1::CheckpointRow;
using storage::v1::FactsRow;
using storage::v1::ObservedRow;
using storage::v1::SessionRow;
using storage::v1::StateRow;

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("a stored ", what));
}

template <typename Row>
absl::Status ParseInto(Row& row, absl::string_view bytes, absl::string_view what) {
  if (row.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return Damaged(absl::StrCat(what, " is damaged"));
}

template <typename Row>
absl::StatusOr<Row> Parse(absl::string_view bytes, absl::string_view what) {
  Row row;
  RETURN_IF_ERROR(ParseInto(row, bytes, what));
  return row;
}

absl::StatusOr<Dtype> ToDtype(std::uint32_t number) {
  for (const Dtype dtype : kAllDtypes) {
    if (static_cast<std::uint32_t>(dtype) == number) return dtype;
  }
  return Damaged(absl::StrCat("record has a dtype of number ", number));
}

void AddStatistic(const StatisticValue& value, storage::v1::StatisticRow& row) {
  row.set_name(value.name);
  row.set_value(value.value);
}

std::vector<StatisticValue> StatisticsIn(
    const google::protobuf::RepeatedPtrField<storage::v1::StatisticRow>& rows) {
  std::vector<StatisticValue> values;
  for (const storage::v1::StatisticRow& row : rows) values.push_back({row.name(), row.value()});
  return values;
}

void ToRow(const SeriesRecord& observed, ObservedRow& row) {
  const Record& record = observed.record;
  row.set_dtype(static_cast<std::uint32_t>(record.dtype()));
  row.set_num_observations(record.num_observations());
  row.mutable_shape()->Assign(observed.shape.begin(), observed.shape.end());
  row.set_worker(*observed.worker);
  row.set_digest(observed.digest.data(), observed.digest.size());
  row.set_values(record.values().data(), record.values().size());
  row.set_dropped(observed.dropped);
  for (const StatisticValue& value : record.statistics().values()) {
    AddStatistic(value, *row.add_statistics());
  }
}

absl::StatusOr<Digest> DigestIn(const ObservedRow& row) {
  Digest digest;
  if (row.digest().size() != digest.size()) return Damaged("record has no digest");
  std::memcpy(digest.data(), row.digest().data(), digest.size());
  return digest;
}

// min[n], max[n], global_min, global_max.
absl::StatusOr<Record> RecordIn(const ObservedRow& row) {
  ASSIGN_OR_RETURN(const Dtype dtype, ToDtype(row.dtype()));
  if (row.num_observations() < 0) return Damaged("record holds less than no observation");
  if (row.values().empty()) return Record::Empty(dtype, row.num_observations());
  const std::size_t size = ByteSize(dtype);
  const auto values = absl::MakeConstSpan(reinterpret_cast<const std::byte*>(row.values().data()),
                                          row.values().size());
  if (values.size() % (2 * size) != 0 || values.size() < 4 * size) {
    return Damaged(absl::StrCat("record has ", values.size(), " bytes of values"));
  }
  const std::size_t end = values.size() / 2 - size;
  absl::StatusOr<Record> record =
      Record::Make(dtype, row.num_observations(), values.first(end), values.subspan(end, end),
                   values.subspan(2 * end, size), values.subspan(2 * end + size, size));
  if (!record.ok()) return Damaged(absl::StrCat("record: ", record.status().message()));
  if (row.statistics().empty()) return record;
  absl::StatusOr<StatisticValues> statistics =
      StatisticValues::Make(StatisticsIn(row.statistics()));
  if (!statistics.ok()) return Damaged(absl::StrCat("record: ", statistics.status().message()));
  return (*std::move(record)).WithStatistics(*std::move(statistics));
}

// `worker` equals the worker in the row, and is shared with other records.
absl::StatusOr<std::shared_ptr<const SeriesRecord>> FromRow(
    const ObservedRow& row, std::shared_ptr<const std::string> worker) {
  ASSIGN_OR_RETURN(Record record, RecordIn(row));
  ASSIGN_OR_RETURN(const Digest digest, DigestIn(row));
  if (!row.dropped() && DigestOf(record) != digest) {
    return Damaged("record does not match its digest");
  }
  return std::make_shared<const SeriesRecord>(
      SeriesRecord{std::move(record), digest, Shape(row.shape().begin(), row.shape().end()),
                   std::move(worker), row.dropped()});
}

absl::StatusOr<std::shared_ptr<const SeriesRecord>> FromRow(const ObservedRow& row) {
  return FromRow(row, std::make_shared<const std::string>(row.worker()));
}

// FactsRow and StateRow hold coverage and a qparam shape under the same names.
template <typename Row>
void CoverageToRow(const SeriesCoverage& coverage, Row& row) {
  row.set_count(coverage.count);
  row.set_folded_count(coverage.folded_count);
  row.set_num_observations(coverage.num_observations);
  row.set_empty_batches(coverage.empty_batches);
  for (const auto& [worker, tally] : coverage.workers) {
    storage::v1::WorkerRow& entry = *row.add_workers();
    entry.set_worker(worker);
    entry.set_batches(tally.batches);
    entry.set_tokens(tally.tokens);
  }
}

template <typename Row>
SeriesCoverage CoverageIn(const Row& row) {
  SeriesCoverage coverage;
  coverage.count = row.count();
  coverage.folded_count = row.folded_count();
  coverage.num_observations = row.num_observations();
  coverage.empty_batches = row.empty_batches();
  for (const storage::v1::WorkerRow& worker : row.workers()) {
    coverage.workers[worker.worker()] = {worker.batches(), worker.tokens()};
  }
  return coverage;
}

// Only records with elements have a dtype and a qparam shape. A shape without dimensions is stored
// as no shape is.
template <typename Row>
bool HasElements(const Row& row) {
  return row.count() > row.empty_batches();
}

template <typename Row>
std::optional<std::vector<std::int64_t>> QparamShapeIn(const Row& row) {
  if (!HasElements(row)) return std::nullopt;
  return std::vector<std::int64_t>(row.qparam_shape().begin(), row.qparam_shape().end());
}

absl::StatusOr<IndexSet> IndicesIn(const FactsRow& row) {
  IndexSet indices;
  constexpr auto kEnd = static_cast<std::uint64_t>(kMaxBatchIndex) + 1;
  if (row.indices_size() % 2 != 0) return Damaged("list of indices is damaged");
  std::uint64_t at = 0;
  for (int i = 0; i < row.indices_size(); i += 2) {
    const std::uint64_t skipped = row.indices(i);
    const std::uint64_t length = row.indices(i + 1);
    const bool touches = i > 0 && skipped == 0;
    if (touches || length == 0 || skipped > kEnd - at || length > kEnd - at - skipped) {
      return Damaged("list of indices is damaged");
    }
    const std::uint64_t start = at + skipped;
    at = start + length;
    indices.Append({static_cast<BatchIndex>(start), static_cast<BatchIndex>(at)});
  }
  return indices;
}

}  // namespace

void EncodeObserved(const SeriesRecord& observed, ObservedRow& scratch, std::string& row) {
  scratch.Clear();
  ToRow(observed, scratch);
  scratch.AppendToString(&row);
}

SeriesRecordDecoder::SeriesRecordDecoder() : scratch_(std::make_unique<ObservedRow>()) {}

SeriesRecordDecoder::~SeriesRecordDecoder() = default;

absl::StatusOr<std::shared_ptr<const SeriesRecord>> SeriesRecordDecoder::Decode(
    absl::string_view row) {
  RETURN_IF_ERROR(ParseInto(*scratch_, row, "record"));
  if (worker_ == nullptr || *worker_ != scratch_->worker()) {
    worker_ = std::make_shared<const std::string>(scratch_->worker());
  }
  return FromRow(*scratch_, worker_);
}

absl::StatusOr<std::shared_ptr<const SeriesRecord>> DecodeObserved(absl::string_view row) {
  return SeriesRecordDecoder().Decode(row);
}

absl::StatusOr<Digest> DecodeDigest(absl::string_view row) {
  ASSIGN_OR_RETURN(const ObservedRow message, Parse<ObservedRow>(row, "record"));
  return DigestIn(message);
}

std::string EncodeSession(const StoredSession& session) {
  SessionRow row;
  row.set_series(static_cast<std::uint64_t>(session.series));
  ToProto(*session.identity).SerializeToString(row.mutable_session());
  if (session.sealed_count) row.set_sealed_count(*session.sealed_count);
  return row.SerializeAsString();
}

absl::StatusOr<StoredSession> DecodeSession(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const SessionRow row, Parse<SessionRow>(bytes, "session"));
  ASSIGN_OR_RETURN(const auto proto, Parse<calipers::v1::Session>(row.session(), "session"));
  absl::StatusOr<SessionIdentity> identity = IdentityFromProto(proto);
  if (!identity.ok()) return Damaged(absl::StrCat("session: ", identity.status().message()));
  StoredSession session;
  session.identity = std::make_shared<const SessionIdentity>(*std::move(identity));
  session.series = SeriesId{row.series()};
  if (row.has_sealed_count()) session.sealed_count = row.sealed_count();
  return session;
}

std::string EncodeCheckpoint(const Checkpoint& checkpoint) {
  CheckpointRow row;
  row.set_prefix_end(checkpoint.prefix_end);
  row.set_state(checkpoint.state);
  return row.SerializeAsString();
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes) {
  ASSIGN_OR_RETURN(CheckpointRow row, Parse<CheckpointRow>(bytes, "checkpoint"));
  if (row.prefix_end() < 0 || row.prefix_end() > kMaxBatchIndex + 1) {
    return Damaged(absl::StrCat("checkpoint ends at ", row.prefix_end()));
  }
  return Checkpoint{row.prefix_end(), std::move(*row.mutable_state())};
}

std::string EncodeFacts(const SeriesFacts& facts) {
  FactsRow row;
  BatchIndex at = 0;
  for (const IndexRange& range : facts.indices.Ranges()) {
    row.add_indices(static_cast<std::uint64_t>(range.start - at));
    row.add_indices(static_cast<std::uint64_t>(range.end - range.start));
    at = range.end;
  }
  if (facts.dtype) row.set_dtype(static_cast<std::uint32_t>(*facts.dtype));
  if (facts.qparam_shape) {
    row.mutable_qparam_shape()->Assign(facts.qparam_shape->begin(), facts.qparam_shape->end());
  }
  CoverageToRow(facts.coverage, row);
  row.set_checkpoint_end(facts.checkpoint_end);
  return row.SerializeAsString();
}

absl::StatusOr<SeriesFacts> DecodeFacts(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const FactsRow row, Parse<FactsRow>(bytes, "facts of a series"));
  SeriesFacts facts;
  ASSIGN_OR_RETURN(facts.indices, IndicesIn(row));
  if (row.has_dtype() && HasElements(row)) {
    ASSIGN_OR_RETURN(facts.dtype, ToDtype(row.dtype()));
  }
  facts.qparam_shape = QparamShapeIn(row);
  facts.coverage = CoverageIn(row);
  std::int64_t indices = 0;
  for (const IndexRange& range : facts.indices.Ranges()) indices += range.end - range.start;
  if (facts.coverage.count != indices || facts.dtype.has_value() != HasElements(row)) {
    return Damaged("facts of a series do not add up");
  }
  facts.checkpoint_end = row.checkpoint_end();
  return facts;
}

std::string EncodeState(const SeriesState& state) {
  StateRow row;
  row.set_observer_state(state.observer_state);
  if (state.last != nullptr) ToRow(*state.last, *row.mutable_last());
  if (state.qparam_shape) {
    row.mutable_qparam_shape()->Assign(state.qparam_shape->begin(), state.qparam_shape->end());
  }
  assert(state.dtype.has_value() == (state.coverage.count > state.coverage.empty_batches));
  if (state.dtype) row.set_dtype(static_cast<std::uint32_t>(*state.dtype));
  for (const StatisticValue& fold : state.statistics) AddStatistic(fold, *row.add_statistics());
  CoverageToRow(state.coverage, row);
  return row.SerializeAsString();
}

absl::StatusOr<SeriesState> DecodeState(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const StateRow row, Parse<StateRow>(bytes, "checkpoint"));
  SeriesState state;
  state.observer_state = row.observer_state();
  if (row.has_last()) {
    ASSIGN_OR_RETURN(state.last, FromRow(row.last()));
  }
  state.qparam_shape = QparamShapeIn(row);
  if (HasElements(row)) {
    ASSIGN_OR_RETURN(state.dtype, ToDtype(row.dtype()));
  }
  state.statistics = StatisticsIn(row.statistics());
  state.coverage = CoverageIn(row);
  return state;
}

}  // namespace calipers::server
