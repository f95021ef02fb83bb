#include "server/session.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

// Ranges in an answer, and in a session that is shown among many: a page of those has
// to fit into a message.
constexpr std::size_t kMaxMissingRanges = 1000;
constexpr std::size_t kMaxMissingRangesShown = 100;
// Worker names that are kept apart; a name is a client's to choose.
constexpr std::size_t kMaxWorkers = 4096;
constexpr char kOtherWorkers[] = "(others)";
// A gRPC call of the synchronous kind cannot be woken by its cancellation, so a
// waiting one looks after it this often.
constexpr absl::Duration kInterruptionPoll = absl::Milliseconds(100);

Elements Copy(Dtype dtype, absl::Span<const std::byte> bytes) {
  return Elements{dtype, std::vector<std::byte>(bytes.begin(), bytes.end())};
}

std::int64_t SaturatingSum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

Ack Rejected(std::optional<BatchIndex> index, absl::Status status) {
  return Ack{
      .index = index.value_or(-1), .outcome = Outcome::kRejected, .status = std::move(status)};
}

}  // namespace

void Tally::Add(const Tally& other) {
  batches = SaturatingSum(batches, other.batches);
  tokens = SaturatingSum(tokens, other.tokens);
}

Session::Session(SessionName name, SessionSpec spec, absl::Time create_time, SeriesId series,
                 Store* store, ChangeFeed* feed)
    : name_(std::move(name)),
      spec_(std::move(spec)),
      create_time_(create_time),
      store_(store),
      feed_(feed),
      series_{.id = series} {}

absl::StatusOr<View> Session::ViewOf(Dtype dtype, absl::Span<const std::int64_t> shape) const {
  if (spec_.dtype && dtype != *spec_.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("dtype is ", DtypeName(dtype), "; session ",
                                                   name_.full(), " takes ", DtypeName(*spec_.dtype),
                                                   " alone"));
  }
  RETURN_IF_ERROR(CheckFoldable(dtype, spec_.arithmetic));
  return MakeView(name_.base_name(), spec_.args, spec_.arithmetic, shape);
}

absl::StatusOr<SeriesId> Session::Admit(Dtype dtype, const View& view) const {
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckFits(dtype, view.num_elements() == 0, view.qparam_shape));
  return series_.id;
}

absl::Status Session::CheckFits(Dtype dtype, bool empty,
                                const std::vector<std::int64_t>& qparam_shape) const {
  if (deleted_) return Deleted();
  if (series_.dtype && dtype != *series_.dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is ", DtypeName(dtype), "; session ", name_.full(), " holds ",
                     DtypeName(*series_.dtype), " records (reset it to begin with another)"));
  }
  if (!empty && series_.qparam_shape && qparam_shape != *series_.qparam_shape) {
    return absl::InvalidArgumentError(
        absl::StrCat("the shape gives qparam shape ", ShapeText(qparam_shape), "; session ",
                     name_.full(), " holds records of ", ShapeText(*series_.qparam_shape)));
  }
  return absl::OkStatus();
}

Ack Session::Add(std::optional<BatchIndex> index, const std::vector<std::int64_t>& qparam_shape,
                 std::shared_ptr<const Record> record, const std::string& worker,
                 std::optional<SeriesId> admitted_to) {
  if (spec_.non_finite_policy == NonFinitePolicy::kReject &&
      (record->saw_nan() || record->saw_inf())) {
    return Rejected(index, absl::InvalidArgumentError(absl::StrCat(
                               "the tensor holds ", record->saw_nan() ? "NaN" : "infinity",
                               " and the session's non_finite_policy is REJECT")));
  }
  Ack ack;
  {
    absl::MutexLock lock(&mu_);
    if (absl::Status fits = CheckFits(record->dtype(), record->empty(), qparam_shape); !fits.ok()) {
      return Rejected(index, std::move(fits));
    }
    if (admitted_to && *admitted_to != series_.id) {
      return Rejected(index, absl::AbortedError(absl::StrCat(
                                 "session ", name_.full(),
                                 " was reset while the observation was on its way: send it again "
                                 "if it belongs to what comes after")));
    }
    ack.index = index.value_or(series_.indices.End());
    if (ack.index < 0 || ack.index > kMaxBatchIndex) {
      return Rejected(index, absl::OutOfRangeError(absl::StrCat(
                                 "index ", ack.index, " is not in 0 to ", kMaxBatchIndex)));
    }
    const absl::StatusOr<PutOutcome> put = store_->PutIfAbsent(series_.id, ack.index, record);
    if (!put.ok()) return Rejected(index, put.status());
    switch (*put) {
      case PutOutcome::kStored:
        Count(ack.index, qparam_shape, *record, worker);
        ack.outcome = Outcome::kStored;
        break;
      case PutOutcome::kDuplicate:
        ack.outcome = Outcome::kDuplicate;
        return ack;
      case PutOutcome::kConflict:
        ++series_.progress.conflict_count;
        ack.outcome = Outcome::kConflict;
        ack.status = absl::AlreadyExistsError(
            absl::StrCat("index ", ack.index, " of session ", name_.full(),
                         " holds another record; it stays (was the batch order the same?)"));
        break;
    }
  }
  feed_->Changed(name_);
  return ack;
}

void Session::Count(BatchIndex index, const std::vector<std::int64_t>& qparam_shape,
                    const Record& record, const std::string& worker) {
  series_.indices.Insert(index);
  series_.progress.count += 1;
  series_.progress.num_observations =
      SaturatingSum(series_.progress.num_observations, record.num_observations());
  if (!LeftOut(spec_, record)) series_.progress.folded_count += 1;
  series_.dtype = record.dtype();
  if (record.empty()) {
    series_.empty_batches += 1;
  } else {
    series_.qparam_shape = qparam_shape;
  }
  TallyOf(worker).Add({1, record.num_observations()});
}

Tally& Session::TallyOf(const std::string& worker) {
  const auto it = series_.workers.find(worker);
  if (it != series_.workers.end()) return it->second;
  return series_.workers[series_.workers.size() < kMaxWorkers ? worker : kOtherWorkers];
}

Progress Session::ProgressLocked(std::size_t max_missing) const {
  Progress progress = series_.progress;
  progress.contiguous_prefix = series_.indices.ContiguousPrefix();
  progress.end_index = series_.indices.End();
  progress.missing = series_.indices.Missing(max_missing);
  progress.missing_range_count = series_.indices.MissingRangeCount();
  return progress;
}

SessionSnapshot Session::Snapshot() const {
  absl::MutexLock lock(&mu_);
  return {ProgressLocked(kMaxMissingRangesShown), series_.dtype, series_.qparam_shape};
}

SessionCoverage Session::Coverage() const {
  absl::MutexLock lock(&mu_);
  return {.total = {series_.progress.count, series_.progress.num_observations},
          .empty_batches = series_.empty_batches,
          .workers = series_.workers};
}

Session::Fold Session::NewFold() const {
  absl::StatusOr<std::unique_ptr<Observer>> observer =
      MakeObserver(spec_.args.observer, {.averaging_constant = spec_.args.averaging_constant,
                                         .arithmetic = spec_.arithmetic,
                                         .weighting = spec_.weighting});
  // The spec was resolved, so the name is a registered one.
  return {*std::move(observer), nullptr};
}

void Session::Fold::Add(const SessionSpec& spec, const std::shared_ptr<const Record>& record) {
  if (LeftOut(spec, *record)) return;
  observer->Add(*record);
  last = record;
}

absl::Status Session::Deleted() const {
  return absl::NotFoundError(absl::StrCat("session ", name_.full(), " was deleted"));
}

absl::Status Session::NothingSeen() const {
  if (deleted_) return Deleted();
  if (series_.progress.count == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("session ", name_.full(), " has seen no observation"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "session ", name_.full(), " has nothing to fold: of ", series_.progress.count, " records ",
      series_.empty_batches, " are empty and ", series_.progress.count - series_.empty_batches,
      " hold NaN or infinity, which its non_finite_policy skips"));
}

absl::StatusOr<MinMaxAnswer> Session::GetMinMax() {
  absl::MutexLock fold_lock(&fold_mu_);
  MinMaxAnswer answer;
  std::vector<std::shared_ptr<const Record>> prefix_records;
  std::vector<std::shared_ptr<const Record>> tail_records;
  {
    // Pointers alone are gathered here; folding waits until the lock is gone.
    absl::MutexLock lock(&mu_);
    if (series_.progress.folded_count == 0) return NothingSeen();
    answer.progress = ProgressLocked(kMaxMissingRanges);
    answer.qparam_shape = *series_.qparam_shape;
    RETURN_IF_ERROR(store_->Scan(
        series_.id, prefix_end_, [&](BatchIndex index, std::shared_ptr<const Record> record) {
          auto& records = index < answer.progress.contiguous_prefix ? prefix_records : tail_records;
          records.push_back(std::move(record));
        }));
  }
  // Not before: most sessions of a large model wait for their first question.
  if (prefix_.observer == nullptr) prefix_ = NewFold();
  for (const auto& record : prefix_records) prefix_.Add(spec_, record);
  prefix_end_ = answer.progress.contiguous_prefix;
  const Record* last = prefix_.last.get();
  if (tail_records.empty()) {
    answer.folded = prefix_.observer->Answer();
  } else {
    Fold fold{prefix_.observer->Clone(), prefix_.last};
    for (const auto& record : tail_records) fold.Add(spec_, record);
    answer.folded = fold.observer->Answer();
    last = fold.last.get();
  }
  const Dtype dtype = last->dtype();
  answer.current = {Copy(dtype, last->min()), Copy(dtype, last->max())};
  answer.current_global = {Copy(dtype, last->global_min()), Copy(dtype, last->global_max())};
  return answer;
}

bool Session::HasCount(std::int64_t count) const {
  absl::MutexLock lock(&mu_);
  return series_.progress.count >= count;
}

absl::Status Session::WaitForCount(std::int64_t count, absl::Time deadline,
                                   const std::function<absl::Status()>& interrupted) const {
  absl::MutexLock lock(&mu_);
  const auto done = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return deleted_ || series_.progress.count >= count;
  };
  while (!mu_.AwaitWithDeadline(absl::Condition(&done),
                                std::min(deadline, absl::Now() + kInterruptionPoll))) {
    RETURN_IF_ERROR(interrupted());
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("session ", name_.full(), " holds ",
                                                      series_.progress.count, " of the ", count,
                                                      " records waited for"));
    }
  }
  if (deleted_) return Deleted();
  return absl::OkStatus();
}

absl::Status Session::Reset() {
  absl::MutexLock fold_lock(&fold_mu_);
  ASSIGN_OR_RETURN(const SeriesId fresh, store_->CreateSeries());
  SeriesId old;
  bool deleted = false;
  {
    absl::MutexLock lock(&mu_);
    // Deleted meanwhile: the fresh series would stay in the store for good.
    old = deleted_ ? fresh : std::exchange(series_, Series{.id = fresh}).id;
    deleted = deleted_;
    prefix_ = Fold();
    prefix_end_ = 0;
  }
  if (!deleted) feed_->Changed(name_);
  RETURN_IF_ERROR(store_->DeleteSeries(old));
  return deleted ? Deleted() : absl::OkStatus();
}

absl::Status Session::Delete() {
  SeriesId old;
  {
    absl::MutexLock fold_lock(&fold_mu_);
    absl::MutexLock lock(&mu_);
    deleted_ = true;
    old = series_.id;
    series_ = Series{.id = old};
  }
  feed_->Changed(name_);
  return store_->DeleteSeries(old);
}

}  // namespace calipers::server
