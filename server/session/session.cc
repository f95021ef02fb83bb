#include "server/session/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/fold/sweep.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

// Ranges in an answer, and in a session that is shown among many: a page of those has
// to fit into a message.
constexpr std::size_t kMaxMissingRanges = 1000;
constexpr std::size_t kMaxMissingRangesShown = 100;
// Records of a prefix that pile up before it is folded and checkpointed. Dropped values
// are the point of a folded series, so those do not wait for long.
constexpr BatchIndex kCheckpointEvery = 4096;
constexpr BatchIndex kCheckpointEveryFolded = 64;
// A gRPC call of the synchronous kind cannot be woken by its cancellation, so a
// waiting one looks after it this often.
constexpr absl::Duration kInterruptionPoll = absl::Milliseconds(100);

Elements Copy(Dtype dtype, absl::Span<const std::byte> bytes) {
  return Elements{dtype, std::vector<std::byte>(bytes.begin(), bytes.end())};
}

// The ranges of `fold`'s last record.
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

bool IsIn(const std::vector<IndexRange>& ranges, BatchIndex index) {
  return std::any_of(ranges.begin(), ranges.end(), [index](const IndexRange& range) {
    return index >= range.start && index < range.end;
  });
}

}  // namespace

Session::Session(StoredSession stored, bool is_new, Store* store, ChangeFeed* feed)
    : identity_(std::move(stored.identity)),
      store_(store),
      feed_(feed),
      series_{.id = stored.series, .loaded = is_new, .sealed_count = stored.sealed_count} {}

absl::StatusOr<View> Session::ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const {
  if (spec().dtype && dtype != *spec().dtype) {
    return absl::InvalidArgumentError(absl::StrCat("dtype is ", DtypeName(dtype), "; session ",
                                                   name().full(), " takes ",
                                                   DtypeName(*spec().dtype), " only"));
  }
  RETURN_IF_ERROR(CheckFoldable(dtype, spec().arithmetic));
  return MakeView(name().base_name(), spec().args, spec().arithmetic, shape);
}

void Session::EnsureLoaded() {
  if (series_.loaded) return;
  series_.loaded = true;
  series_.problem = absl::OkStatus();
  const absl::Status status = Load();
  if (status.ok()) return;
  Unload();
  // What is lost stays lost; a device that does not answer may do so later.
  series_.loaded = absl::IsDataLoss(status);
  series_.problem =
      absl::Status(status.code(),
                   absl::StrCat("session ", name().full(), " cannot be read: ", status.message()));
}

void Session::Unload() {
  Series fresh{.id = series_.id,
               .sealed_count = series_.sealed_count,
               .conflict_count = series_.conflict_count,
               .staged = series_.staged};
  if (series_.staged > 0) {
    fresh.dtype = series_.dtype;
    fresh.qparam_shape = std::move(series_.qparam_shape);
  }
  series_ = std::move(fresh);
}

absl::Status Session::Load() {
  ASSIGN_OR_RETURN(const std::optional<Checkpoint> checkpoint, store_->ReadCheckpoint(series_.id));
  BatchIndex from = 0;
  if (checkpoint) {
    ASSIGN_OR_RETURN(const SeriesPrefix prefix, SeriesPrefix::Restore(&spec(), *checkpoint));
    from = prefix.end();
    series_.indices.InsertPrefix(from);
    series_.counts = prefix.counts();
    series_.dtype = prefix.dtype();
    series_.qparam_shape = prefix.qparam_shape();
  }
  series_.next_checkpoint = from + CheckpointEvery();
  ASSIGN_OR_RETURN(const std::unique_ptr<SeriesReader> reader, store_->Read(series_.id, from));
  SeriesReader::Entry entry;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader->Next(entry));
    if (!more) return absl::OkStatus();
    const SeriesRecord& observed = *entry.observed;
    if (!series_.qparam_shape && !observed.record.empty()) {
      ASSIGN_OR_RETURN(const View view, ViewOf(observed.record.dtype(), observed.shape));
      series_.qparam_shape = view.qparam_shape;
    }
    series_.dtype = observed.record.dtype();
    Count(entry.index, observed);
  }
}

absl::StatusOr<SeriesId> Session::Admit(Dtype dtype, const View& view) {
  absl::MutexLock lock(&mu_);
  EnsureLoaded();
  RETURN_IF_ERROR(CheckFits(dtype, view.num_elements() == 0, view.qparam_shape));
  return series_.id;
}

absl::Status Session::CheckFits(Dtype dtype, bool empty,
                                const std::vector<std::int64_t>& qparam_shape) const {
  if (deleted_) return Deleted();
  RETURN_IF_ERROR(series_.problem);
  if (series_.dtype && dtype != *series_.dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is ", DtypeName(dtype), "; session ", name().full(), " holds ",
                     DtypeName(*series_.dtype), " records (reset it to use another dtype)"));
  }
  if (!empty && series_.qparam_shape && qparam_shape != *series_.qparam_shape) {
    return absl::InvalidArgumentError(
        absl::StrCat("the shape gives qparam shape ", ShapeText(qparam_shape), "; session ",
                     name().full(), " holds records of ", ShapeText(*series_.qparam_shape)));
  }
  return absl::OkStatus();
}

absl::StatusOr<SeriesId> Session::Stage(const std::vector<std::int64_t>& qparam_shape,
                                        const Record& record, std::optional<SeriesId> admitted_to) {
  if (spec().non_finite_policy == NonFinitePolicy::kReject &&
      (record.saw_nan() || record.saw_inf())) {
    return absl::InvalidArgumentError(absl::StrCat("the tensor holds ",
                                                   record.saw_nan() ? "NaN" : "infinity",
                                                   " and the session's non_finite_policy is "
                                                   "REJECT"));
  }
  absl::MutexLock lock(&mu_);
  EnsureLoaded();
  RETURN_IF_ERROR(CheckFits(record.dtype(), record.empty(), qparam_shape));
  if (admitted_to && *admitted_to != series_.id) {
    return absl::AbortedError(absl::StrCat(
        "session ", name().full(),
        " was reset before the observation was stored: send it again if it belongs to the new "
        "series"));
  }
  series_.dtype = record.dtype();
  if (!record.empty()) series_.qparam_shape = qparam_shape;
  ++series_.staged;
  return series_.id;
}

Ack Session::Commit(SeriesId series, const SeriesRecord& observed, const PutResult& result) {
  Ack ack{.index = result.index, .outcome = Outcome::kRejected, .status = result.status};
  {
    absl::MutexLock lock(&mu_);
    const bool current = series == series_.id && !deleted_;
    if (current) --series_.staged;
    switch (result.outcome) {
      case PutResult::kStored:
        ack.outcome = Outcome::kStored;
        // Else it is counted with all that the store has, once someone needs it.
        if (current && series_.loaded) Count(result.index, observed);
        break;
      case PutResult::kDuplicate:
        ack.outcome = Outcome::kDuplicate;
        return ack;
      case PutResult::kConflict:
        ack.outcome = Outcome::kConflict;
        ack.status = absl::AlreadyExistsError(
            absl::StrCat("index ", ack.index, " of session ", name().full(),
                         " holds another record; it stays (was the batch order the same?)"));
        if (current) ++series_.conflict_count;
        break;
      case PutResult::kRefused:
        if (!current) return ack;
        // What was never stored fixes nothing.
        if (series_.staged == 0 && series_.counts.count == 0) {
          series_.dtype.reset();
          series_.qparam_shape.reset();
        }
        return ack;
      case PutResult::kUncertain:
        if (current) Unload();
        return ack;
    }
  }
  feed_->Changed(name());
  return ack;
}

void Session::Count(BatchIndex index, const SeriesRecord& observed) {
  // It may have been read from the store already.
  if (!series_.indices.Insert(index)) return;
  series_.counts.Add(spec(), observed);
  if (series_.next_checkpoint == 0) series_.next_checkpoint = CheckpointEvery();
  if (series_.indices.ContiguousPrefix() >= series_.next_checkpoint) {
    series_.next_checkpoint = series_.indices.ContiguousPrefix() + CheckpointEvery();
    checkpoint_due_ = true;
  }
}

BatchIndex Session::CheckpointEvery() const {
  return spec().retention == Retention::kFolded ? kCheckpointEveryFolded : kCheckpointEvery;
}

Progress Session::ProgressLocked(std::size_t max_missing) const {
  return {.count = series_.counts.count,
          .folded_count = series_.counts.folded_count,
          .contiguous_prefix = series_.indices.ContiguousPrefix(),
          .end_index = series_.indices.End(),
          .missing = series_.indices.Missing(max_missing),
          .missing_range_count = series_.indices.MissingRangeCount(),
          .num_observations = series_.counts.num_observations,
          .conflict_count = series_.conflict_count};
}

SessionSnapshot Session::Snapshot() {
  absl::MutexLock lock(&mu_);
  EnsureLoaded();
  // What is on its way in shows once it is there.
  const bool any = series_.counts.count > 0;
  return {.progress = ProgressLocked(kMaxMissingRangesShown),
          .observed_dtype = any ? series_.dtype : std::nullopt,
          .qparam_shape = any ? series_.qparam_shape : std::nullopt,
          .sealed_count = series_.sealed_count,
          .problem = series_.problem};
}

SessionCoverage Session::Coverage() {
  absl::MutexLock lock(&mu_);
  EnsureLoaded();
  return {.total = {series_.counts.count, series_.counts.num_observations},
          .empty_batches = series_.counts.empty_batches,
          .workers = series_.counts.workers};
}

absl::Status Session::Deleted() const {
  return absl::NotFoundError(absl::StrCat("session ", name().full(), " was deleted"));
}

absl::Status Session::NothingSeen() const {
  if (series_.counts.count == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "session ", name().full(), " has seen no observation (observe, or wait for its count)"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("session ", name().full(), " has nothing to fold: of ", series_.counts.count,
                   " records ", series_.counts.empty_batches, " are empty and ",
                   series_.counts.count - series_.counts.empty_batches,
                   " hold NaN or infinity, which its non_finite_policy skips (observe tensors with "
                   "finite elements)"));
}

absl::StatusOr<bool> Session::Moment::Next(SeriesReader::Entry& entry) {
  while (reader != nullptr) {
    ASSIGN_OR_RETURN(const bool more, reader->Next(entry));
    if (!more) break;
    // The store may know of records that came since, or are about to be counted.
    if (entry.index < progress.contiguous_prefix || indices.Contains(entry.index)) return true;
  }
  return false;
}

absl::StatusOr<Session::Moment> Session::Now(BatchIndex from) {
  absl::MutexLock lock(&mu_);
  EnsureLoaded();
  if (deleted_) return Deleted();
  RETURN_IF_ERROR(series_.problem);
  if (series_.counts.folded_count == 0) return NothingSeen();
  Moment moment{.series = series_.id,
                .progress = ProgressLocked(kMaxMissingRanges),
                .qparam_shape = *series_.qparam_shape};
  if (moment.progress.end_index > moment.progress.contiguous_prefix) {
    moment.indices = series_.indices;
  }
  if (moment.progress.end_index > from) {
    ASSIGN_OR_RETURN(moment.reader, store_->Read(series_.id, from));
  }
  return moment;
}

BatchIndex Session::PrefixEnd() const { return prefix_ == nullptr ? 0 : prefix_->end(); }

absl::Status Session::RestorePrefix() {
  if (prefix_ != nullptr) return absl::OkStatus();
  SeriesId series;
  {
    absl::MutexLock lock(&mu_);
    if (deleted_) return Deleted();
    // A series that is too short for a checkpoint has none to look for.
    if (spec().retention == Retention::kSeries && series_.loaded &&
        series_.indices.ContiguousPrefix() < CheckpointEvery()) {
      prefix_ = std::make_unique<SeriesPrefix>(&spec());
      return absl::OkStatus();
    }
    series = series_.id;
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
                      .progress = std::move(moment.progress)};
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
                      .progress = std::move(moment.progress)};
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
  SeriesId series;
  {
    absl::MutexLock lock(&mu_);
    EnsureLoaded();
    if (deleted_) return Deleted();
    RETURN_IF_ERROR(series_.problem);
    series = series_.id;
  }
  return store_->Read(series, from);
}

absl::StatusOr<std::int64_t> Session::Seal(std::optional<std::int64_t> count) {
  ASSIGN_OR_RETURN(const SeriesId series, SeriesToSeal());
  ASSIGN_OR_RETURN(const std::int64_t sealed, store_->Seal(series, count));
  return ApplySeal(series, sealed);
}

std::vector<absl::StatusOr<std::int64_t>> Session::SealAll(
    absl::Span<const std::shared_ptr<Session>> sessions, std::optional<std::int64_t> count) {
  std::vector<absl::StatusOr<std::int64_t>> results;
  std::vector<std::size_t> places;
  std::vector<SeriesId> series;
  for (const std::shared_ptr<Session>& session : sessions) {
    const absl::StatusOr<SeriesId> one = session->SeriesToSeal();
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
    results[places[i]] =
        sealed[i].ok() ? sessions[places[i]]->ApplySeal(series[i], *sealed[i]) : sealed[i];
  }
  return results;
}

absl::StatusOr<SeriesId> Session::SeriesToSeal() {
  absl::MutexLock lock(&mu_);
  EnsureLoaded();
  if (deleted_) return Deleted();
  RETURN_IF_ERROR(series_.problem);
  return series_.id;
}

absl::StatusOr<std::int64_t> Session::ApplySeal(SeriesId series, std::int64_t sealed) {
  {
    absl::MutexLock lock(&mu_);
    // The store may have records that are still to be counted: whoever asks after the
    // seal must have them all.
    while (!ReachedCount(series, sealed)) {
      RETURN_IF_ERROR(series_.problem);
      AwaitCount(series, sealed, absl::InfiniteFuture());
    }
    if (deleted_) return Deleted();
    if (series_.id == series) series_.sealed_count = sealed;
  }
  feed_->Changed(name());
  return sealed;
}

absl::Status Session::CheckpointNow() {
  absl::MutexLock fold_lock(&fold_mu_);
  RETURN_IF_ERROR(RestorePrefix());
  absl::StatusOr<Moment> moment = Now(PrefixEnd());
  // Nothing to fold is nothing to keep.
  if (absl::IsFailedPrecondition(moment.status())) return absl::OkStatus();
  RETURN_IF_ERROR(moment.status());
  RETURN_IF_ERROR(FoldOn(*moment).status());
  return store_->WriteCheckpoint(moment->series, prefix_->Save(moment->qparam_shape),
                                 spec().retention == Retention::kFolded);
}

bool Session::HasCount(std::int64_t count) {
  absl::MutexLock lock(&mu_);
  EnsureLoaded();
  return series_.counts.count >= count;
}

bool Session::ReachedCount(SeriesId series, std::int64_t count) {
  EnsureLoaded();
  return deleted_ || series_.id != series || series_.counts.count >= count;
}

void Session::AwaitCount(SeriesId series, std::int64_t count, absl::Time deadline) {
  // A write that failed leaves a series that is to be counted anew, which no condition may do.
  const auto changed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return deleted_ || series_.id != series || !series_.loaded || series_.counts.count >= count;
  };
  mu_.AwaitWithDeadline(absl::Condition(&changed), deadline);
}

absl::Status Session::WaitForCount(std::int64_t count, absl::Time deadline,
                                   const std::function<absl::Status()>& interrupted) {
  absl::MutexLock lock(&mu_);
  // Through resets, too.
  while (!ReachedCount(series_.id, count)) {
    RETURN_IF_ERROR(series_.problem);
    RETURN_IF_ERROR(interrupted());
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("session ", name().full(), " holds ",
                                                      series_.counts.count, " of the ", count,
                                                      " records to wait for"));
    }
    AwaitCount(series_.id, count, std::min(deadline, absl::Now() + kInterruptionPoll));
  }
  if (deleted_) return Deleted();
  return absl::OkStatus();
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
  SeriesId old;
  {
    absl::MutexLock lock(&mu_);
    if (deleted_) return Deleted();
    old = series_.id;
  }
  ASSIGN_OR_RETURN(const SeriesId fresh, store_->ResetSession(old));
  prefix_ = nullptr;
  {
    absl::MutexLock lock(&mu_);
    series_ = Series{.id = fresh, .loaded = true};
  }
  feed_->Changed(name());
  return absl::OkStatus();
}

absl::Status Session::Delete() {
  {
    absl::MutexLock fold_lock(&fold_mu_);
    SeriesId series;
    {
      absl::MutexLock lock(&mu_);
      series = series_.id;
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
    series_ = Series{.id = series_.id, .loaded = true};
    prefix_ = nullptr;
  }
  feed_->Changed(name());
}

}  // namespace calipers::server
