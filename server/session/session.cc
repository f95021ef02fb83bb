#include "server/session/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/fold/sweep.h"
#include "core/status_macros.h"
#include "server/session/acknowledge.h"

namespace calipers::server {
namespace {

// Maximum number of missing ranges in an answer, and in a session of a list. A page of sessions
// must fit into a message.
constexpr std::size_t kMaxMissingRanges = 1000;
constexpr std::size_t kMaxMissingRangesShown = 100;
// Number of new records in a prefix after which it is folded and checkpointed. It is small for a
// folded series, because its purpose is to drop values early.
constexpr BatchIndex kCheckpointEvery = 4096;
constexpr BatchIndex kCheckpointEveryFolded = 64;
// Cancellation cannot wake a synchronous gRPC call, so a waiting call checks for it at this
// interval.
constexpr absl::Duration kInterruptionPoll = absl::Milliseconds(100);
// How often a waiting call looks whether the removal of its series is complete.
constexpr absl::Duration kRemovalPoll = absl::Milliseconds(5);

Elements Copy(Dtype dtype, absl::Span<const std::byte> bytes) {
  return Elements{dtype, std::vector<std::byte>(bytes.begin(), bytes.end())};
}

// Sets the ranges of the last record of `fold`.
void SetCurrent(const SeriesFold& fold, MinMaxAnswer& answer) {
  const Record& last = fold.last()->record;
  answer.current = {Copy(last.dtype(), last.min()), Copy(last.dtype(), last.max())};
  answer.current_global = {Copy(last.dtype(), last.global_min()),
                           Copy(last.dtype(), last.global_max())};
}

absl::Status EverythingExcluded(absl::string_view name) {
  return absl::FailedPreconditionError(absl::StrCat(
      "session ", name, " has no records left after the excluded batches are removed"));
}

std::shared_ptr<const SeriesRecord> Coarsened(const Coarsening& coarsening,
                                              const SeriesRecord& observed) {
  return std::make_shared<const SeriesRecord>(SeriesRecord{coarsening(observed.record),
                                                           observed.digest, observed.shape,
                                                           observed.worker, observed.dropped});
}

Progress ProgressOf(const SeriesFacts& facts, std::size_t max_missing) {
  return {.count = facts.coverage.count,
          .folded_count = facts.coverage.folded_count,
          .contiguous_prefix = facts.indices.ContiguousPrefix(),
          .end_index = facts.indices.End(),
          .missing = facts.indices.Missing(max_missing),
          .missing_range_count = facts.indices.MissingRangeCount(),
          .num_observations = facts.coverage.num_observations,
          .conflict_count = facts.conflict_count};
}

bool IsIn(const std::vector<IndexRange>& ranges, BatchIndex index) {
  return std::any_of(ranges.begin(), ranges.end(), [index](const IndexRange& range) {
    return index >= range.start && index < range.end;
  });
}

}  // namespace

Session::Session(StoredSession stored, Store* store, ChangeFeed* feed)
    : identity_(std::move(stored.identity)), store_(store), feed_(feed), series_(stored.series) {}

absl::StatusOr<View> Session::ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const {
  ASSIGN_OR_RETURN(View view, MakeView(name().base_name(), spec().args, spec().arithmetic, shape));
  // Without elements, the dtype means nothing.
  if (view.num_elements() == 0) return view;
  if (spec().dtype && dtype != *spec().dtype) {
    return absl::InvalidArgumentError(absl::StrCat("dtype is ", DtypeName(dtype), "; session ",
                                                   name().full(), " takes ",
                                                   DtypeName(*spec().dtype), " only"));
  }
  RETURN_IF_ERROR(CheckFoldable(dtype, spec().arithmetic));
  return view;
}

absl::StatusOr<SeriesId> Session::CurrentSeries() const {
  absl::MutexLock lock(&mu_);
  if (deleted_) return Deleted();
  return series_;
}

absl::Status Session::CheckFits(SeriesId series, Dtype dtype, const View& view) const {
  return store_->CheckFits(series, {dtype, view.num_elements() == 0, view.qparam_shape});
}

absl::StatusOr<SeriesId> Session::StillCurrent(SeriesId series) const {
  ASSIGN_OR_RETURN(const SeriesId current, CurrentSeries());
  if (current == series) return series;
  return absl::AbortedError(absl::StrCat(
      "session ", name().full(),
      " was reset before the observation was stored: send it again if it belongs to the new "
      "series"));
}

absl::Status Session::CheckPolicy(const Record& record) const {
  if (spec().non_finite_policy != NonFinitePolicy::kReject) return absl::OkStatus();
  if (!record.saw_nan() && !record.saw_inf()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the tensor holds ",
                                                 record.saw_nan() ? "NaN" : "infinity",
                                                 " and the session's non_finite_policy is REJECT"));
}

Ack Session::Acknowledge(SeriesId series, const PutResult& result) {
  Ack ack = server::Acknowledge(name(), result);
  // The summary counts the other records of the call, too, also if this one is a duplicate.
  if (result.summary != nullptr) Reached(series, *result.summary);
  if (ack.outcome == Outcome::kStored || ack.outcome == Outcome::kConflict) feed_->Changed(name());
  return ack;
}

void Session::Reached(SeriesId series, const SeriesSummary& summary) {
  {
    absl::MutexLock lock(&mu_);
    const BatchIndex prefix = summary.contiguous_prefix;
    const BatchIndex due = std::max(next_checkpoint_, summary.checkpoint_end + CheckpointEvery());
    if (series == series_ && !deleted_ && prefix >= due) {
      next_checkpoint_ = prefix + CheckpointEvery();
      checkpoint_due_ = true;
    }
  }
  waiter_.Reached(series, summary.count);
}

BatchIndex Session::CheckpointEvery() const {
  return spec().retention == Retention::kFolded ? kCheckpointEveryFolded : kCheckpointEvery;
}

SeriesFacts Session::FactsOf(SeriesId series) const {
  absl::StatusOr<SeriesFacts> facts = store_->Facts(series);
  if (absl::IsNotFound(facts.status())) return {};
  SeriesFacts known;
  if (facts.ok()) {
    known = *std::move(facts);
  } else {
    known.problem = facts.status();
  }
  if (!known.problem.ok()) known.problem = Unreadable(known.problem);
  return known;
}

absl::StatusOr<SeriesSummary> Session::SummaryOf(SeriesId series) const {
  absl::StatusOr<SeriesSummary> summary = store_->Summary(series);
  if (absl::IsNotFound(summary.status())) return SeriesSummary();
  if (!summary.ok()) return Unreadable(summary.status());
  return summary;
}

SeriesFacts Session::Facts() const {
  const absl::StatusOr<SeriesId> series = CurrentSeries();
  return series.ok() ? FactsOf(*series) : SeriesFacts();
}

SessionSnapshot Session::Snapshot() const {
  SeriesFacts facts = Facts();
  return {.progress = ProgressOf(facts, kMaxMissingRangesShown),
          .observed_dtype = facts.dtype,
          .qparam_shape = std::move(facts.qparam_shape),
          .sealed_count = facts.sealed_count,
          .problem = std::move(facts.problem)};
}

SessionCoverage Session::Coverage() const {
  SeriesFacts facts = Facts();
  return {.total = {facts.coverage.count, facts.coverage.num_observations},
          .empty_batches = facts.coverage.empty_batches,
          .workers = std::move(facts.coverage.workers)};
}

absl::Status Session::Deleted() const {
  return absl::NotFoundError(absl::StrCat("session ", name().full(), " was deleted"));
}

absl::Status Session::Unreadable(const absl::Status& problem) const {
  return absl::Status(problem.code(), absl::StrCat("session ", name().full(),
                                                   " cannot be read: ", problem.message()));
}

absl::Status Session::NothingSeen(const SeriesCoverage& coverage) const {
  if (coverage.count == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "session ", name().full(), " has seen no observation (observe, or wait for its count)"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "session ", name().full(), " has nothing to fold: of ", coverage.count, " records ",
      coverage.empty_batches, " are empty and ", coverage.count - coverage.empty_batches,
      " hold NaN or infinity, which its non_finite_policy skips (observe tensors with "
      "finite elements)"));
}

absl::StatusOr<bool> Session::Moment::Next(SeriesReader::Entry& entry) {
  while (reader != nullptr) {
    ASSIGN_OR_RETURN(const bool more, reader->Next(entry));
    if (!more) break;
    // Skip records that were put after the snapshot.
    if (entry.index < progress.contiguous_prefix || indices.Contains(entry.index)) return true;
  }
  return false;
}

absl::StatusOr<Session::Moment> Session::Now(BatchIndex from) {
  ASSIGN_OR_RETURN(const SeriesId series, CurrentSeries());
  SeriesFacts facts = FactsOf(series);
  RETURN_IF_ERROR(facts.problem);
  if (facts.coverage.folded_count == 0) {
    // A series that is being deleted has no facts either. The store then returns NOT_FOUND.
    RETURN_IF_ERROR(store_->Read(series, from).status());
    return NothingSeen(facts.coverage);
  }
  Moment moment{.series = series,
                .progress = ProgressOf(facts, kMaxMissingRanges),
                .qparam_shape = *std::move(facts.qparam_shape)};
  if (moment.progress.end_index > moment.progress.contiguous_prefix) {
    moment.indices = std::move(facts.indices);
  }
  if (moment.progress.end_index > from) {
    ASSIGN_OR_RETURN(moment.reader, store_->Read(series, from));
  }
  return moment;
}

BatchIndex Session::PrefixEnd() const { return prefix_ == nullptr ? 0 : prefix_->end(); }

absl::Status Session::RestorePrefix() {
  if (prefix_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const SeriesId series, CurrentSeries());
  // Do not look for a checkpoint if the series is too short for one.
  if (spec().retention == Retention::kSeries) {
    const absl::StatusOr<SeriesSummary> summary = SummaryOf(series);
    if (summary.ok() && summary->contiguous_prefix < CheckpointEvery()) {
      prefix_ = std::make_unique<SeriesPrefix>(&spec());
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(const std::optional<Checkpoint> checkpoint, store_->ReadCheckpoint(series));
  if (!checkpoint) {
    prefix_ = std::make_unique<SeriesPrefix>(&spec());
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(SeriesPrefix prefix, SeriesPrefix::Restore(&spec(), *checkpoint));
  prefix_ = std::make_unique<SeriesPrefix>(std::move(prefix));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SeriesFold>> Session::FoldOn(Moment& moment) {
  std::optional<SeriesFold> beyond;
  SeriesReader::Entry entry;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, moment.Next(entry));
    if (!more) break;
    if (entry.index < moment.progress.contiguous_prefix) {
      RETURN_IF_ERROR(prefix_->Add(entry.observed));
    } else {
      if (!beyond) beyond.emplace(prefix_->fold());
      RETURN_IF_ERROR(beyond->Add(entry.index, entry.observed));
    }
  }
  if (prefix_->end() != moment.progress.contiguous_prefix) {
    return absl::DataLossError(absl::StrCat(
        "session ", name().full(), " holds records 0 to ", moment.progress.contiguous_prefix - 1,
        ", and its store returns only the first ", prefix_->end(),
        ": restore a backup, or reset the session and send its batches again"));
  }
  return beyond;
}

absl::StatusOr<MinMaxAnswer> Session::GetMinMax() {
  absl::MutexLock fold_lock(&fold_mu_);
  RETURN_IF_ERROR(RestorePrefix());
  ASSIGN_OR_RETURN(Moment moment, Now(PrefixEnd()));
  ASSIGN_OR_RETURN(const std::optional<SeriesFold> beyond, FoldOn(moment));
  const SeriesFold& fold = beyond ? *beyond : prefix_->fold();
  MinMaxAnswer answer{.qparam_shape = std::move(moment.qparam_shape),
                      .folded = fold.Answer(),
                      .progress = std::move(moment.progress),
                      .statistics = fold.StatisticAnswers()};
  SetCurrent(fold, answer);
  return answer;
}

absl::StatusOr<FoldSpec> Session::SpecOf(const FoldRequest& request) const {
  QuantizationArgsInput input;
  const bool own = request.observer.empty() || request.observer == spec().args.observer;
  input.observer = own ? spec().args.observer : request.observer;
  input.averaging_constant = request.averaging_constant;
  if (own && !input.averaging_constant) {
    input.averaging_constant = spec().args.averaging_constant;
  }
  ASSIGN_OR_RETURN(const QuantizationArgs args, ResolveQuantizationArgs(input));
  FoldSpec fold = FoldSpec::Of(spec());
  fold.observer = args.observer;
  fold.options.averaging_constant = args.averaging_constant;
  // A coarsened record has only its range.
  if (request.coarsening) fold.statistics.clear();
  return fold;
}

absl::Status Session::CheckWholeSeries() const {
  if (spec().retention == Retention::kSeries) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "session ", name().full(),
      " keeps no series, because its retention is FOLDED: it answers only for its own observer"));
}

absl::StatusOr<MinMaxAnswer> Session::GetMinMax(const FoldRequest& request) {
  ASSIGN_OR_RETURN(const FoldSpec fold_spec, SpecOf(request));
  RETURN_IF_ERROR(CheckWholeSeries());
  ASSIGN_OR_RETURN(Moment moment, Now(0));
  SeriesFold fold(fold_spec);
  SeriesReader::Entry entry;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, moment.Next(entry));
    if (!more) break;
    if (IsIn(request.exclude, entry.index)) continue;
    if (request.coarsening) entry.observed = Coarsened(*request.coarsening, *entry.observed);
    RETURN_IF_ERROR(fold.Add(entry.index, entry.observed));
  }
  if (fold.empty()) return EverythingExcluded(name().full());
  if (request.coarsening) moment.qparam_shape = request.coarsening->qparam_shape();
  MinMaxAnswer answer{.qparam_shape = std::move(moment.qparam_shape),
                      .folded = fold.Answer(),
                      .progress = std::move(moment.progress),
                      .statistics = fold.StatisticAnswers()};
  SetCurrent(fold, answer);
  return answer;
}

absl::StatusOr<SweepAnswer> Session::Sweep(const std::vector<double>& averaging_constants,
                                           const std::vector<IndexRange>& exclude) {
  ASSIGN_OR_RETURN(calipers::Sweep sweep,
                   calipers::Sweep::Make(averaging_constants, spec().arithmetic, spec().weighting));
  RETURN_IF_ERROR(CheckWholeSeries());
  ASSIGN_OR_RETURN(Moment moment, Now(0));
  SeriesReader::Entry entry;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, moment.Next(entry));
    if (!more) break;
    const Record& record = entry.observed->record;
    if (!IsIn(exclude, entry.index) && !LeftOut(spec().non_finite_policy, record)) {
      sweep.Add(record);
    }
  }
  if (sweep.empty()) return EverythingExcluded(name().full());
  SweepAnswer answer{.qparam_shape = std::move(moment.qparam_shape),
                     .progress = std::move(moment.progress)};
  for (std::size_t i = 0; i < averaging_constants.size(); ++i) {
    answer.folded.push_back(sweep.Answer(i));
  }
  return answer;
}

absl::StatusOr<std::unique_ptr<SeriesReader>> Session::ReadSeries(BatchIndex from) {
  ASSIGN_OR_RETURN(const SeriesId series, CurrentSeries());
  return store_->Read(series, from);
}

absl::StatusOr<std::int64_t> Session::Seal(std::optional<std::int64_t> count) {
  ASSIGN_OR_RETURN(const SeriesId series, CurrentSeries());
  ASSIGN_OR_RETURN(const std::int64_t sealed, store_->Seal(series, count));
  feed_->Changed(name());
  return sealed;
}

std::vector<absl::StatusOr<std::int64_t>> Session::SealAll(
    absl::Span<const std::shared_ptr<Session>> sessions, std::optional<std::int64_t> count) {
  std::vector<absl::StatusOr<std::int64_t>> results;
  std::vector<std::size_t> places;
  std::vector<SeriesId> series;
  for (const std::shared_ptr<Session>& session : sessions) {
    const absl::StatusOr<SeriesId> one = session->CurrentSeries();
    if (!one.ok()) {
      results.emplace_back(one.status());
      continue;
    }
    places.push_back(results.size());
    results.emplace_back(0);
    series.push_back(*one);
  }
  if (series.empty()) return results;
  const auto sealed = sessions.front()->store_->SealAll(series, count);
  for (std::size_t i = 0; i < series.size(); ++i) {
    results[places[i]] = sealed[i];
    const Session& session = *sessions[places[i]];
    if (sealed[i].ok()) session.feed_->Changed(session.name());
  }
  return results;
}

absl::Status Session::CheckpointNow() {
  absl::MutexLock fold_lock(&fold_mu_);
  RETURN_IF_ERROR(RestorePrefix());
  absl::StatusOr<Moment> moment = Now(PrefixEnd());
  // Without a record to fold there is no checkpoint to write.
  if (absl::IsFailedPrecondition(moment.status())) return absl::OkStatus();
  RETURN_IF_ERROR(moment.status());
  RETURN_IF_ERROR(FoldOn(*moment).status());
  return store_->WriteCheckpoint(moment->series, prefix_->Save(moment->qparam_shape),
                                 spec().retention == Retention::kFolded);
}

bool Session::HasCount(std::int64_t count) const {
  const absl::StatusOr<SeriesId> series = CurrentSeries();
  if (!series.ok()) return false;
  const absl::StatusOr<SeriesSummary> summary = SummaryOf(*series);
  return summary.ok() && summary->count >= count;
}

absl::Status Session::WaitForCount(std::int64_t count, absl::Time deadline,
                                   const std::function<absl::Status()>& interrupted) {
  CountWaiter::Waiting waiting(&waiter_);
  bool reached = false;
  while (true) {
    // The wait continues after a reset, with the new series.
    ASSIGN_OR_RETURN(const SeriesId series, CurrentSeries());
    ASSIGN_OR_RETURN(const SeriesSummary summary, SummaryOf(series));
    if (summary.count >= count) return absl::OkStatus();
    RETURN_IF_ERROR(interrupted());
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("session ", name().full(), " holds ",
                                                      summary.count, " of the ", count,
                                                      " records to wait for"));
    }
    // The puts reported more records than the store has: the series is being deleted or reset.
    if (reached) absl::SleepFor(kRemovalPoll);
    // Polls, because puts of other servers are not reported here.
    reached = waiting.Await(series, count, std::min(deadline, absl::Now() + kInterruptionPoll));
  }
}

std::size_t Session::FoldBytes() {
  absl::MutexLock lock(&fold_mu_);
  return prefix_ == nullptr ? 0 : prefix_->fold().bytes();
}

void Session::DropFold() {
  absl::MutexLock lock(&fold_mu_);
  prefix_ = nullptr;
}

absl::Status Session::Reset() {
  absl::MutexLock fold_lock(&fold_mu_);
  ASSIGN_OR_RETURN(const SeriesId old, CurrentSeries());
  ASSIGN_OR_RETURN(const SeriesId fresh, store_->ResetSession(old));
  prefix_ = nullptr;
  {
    absl::MutexLock lock(&mu_);
    assert(fresh > series_);
    series_ = fresh;
    next_checkpoint_ = 0;
  }
  waiter_.Reached(fresh, 0);
  feed_->Changed(name());
  return absl::OkStatus();
}

absl::Status Session::Delete() {
  {
    absl::MutexLock fold_lock(&fold_mu_);
    SeriesId series;
    {
      absl::MutexLock lock(&mu_);
      series = series_;
    }
    RETURN_IF_ERROR(store_->DeleteSession(series));
  }
  MarkDeleted();
  return absl::OkStatus();
}

void Session::MarkDeleted() {
  {
    absl::MutexLock fold_lock(&fold_mu_);
    absl::MutexLock lock(&mu_);
    deleted_ = true;
    prefix_ = nullptr;
  }
  waiter_.End();
  feed_->Changed(name());
}

}  // namespace calipers::server
