#include "tests/crash/failing_store.h"

#include "absl/strings/str_cat.h"

namespace calipers::crash {

using server::Checkpoint;
using server::NewRecord;
using server::PutResult;
using server::RunName;
using server::SeriesId;
using server::SessionIdentity;
using server::StoredSession;

template <typename Call>
auto FailingStore::Around(absl::string_view name, Call call) {
  at_point_(absl::StrCat("before-", name));
  auto result = call();
  at_point_(absl::StrCat("after-", name));
  return result;
}

absl::Status FailingStore::ForEachSession(absl::FunctionRef<void(StoredSession)> visit) {
  return Around("restore", [&] { return StoreWrapper::ForEachSession(visit); });
}

absl::StatusOr<SeriesId> FailingStore::CreateSession(
    std::shared_ptr<const SessionIdentity> identity) {
  return Around("create", [&] { return StoreWrapper::CreateSession(std::move(identity)); });
}

absl::StatusOr<SeriesId> FailingStore::ResetSession(SeriesId series) {
  return Around("reset", [&] { return StoreWrapper::ResetSession(series); });
}

absl::Status FailingStore::DeleteSession(SeriesId series) {
  return Around("delete-session", [&] { return StoreWrapper::DeleteSession(series); });
}

absl::Status FailingStore::DeleteRun(const RunName& run) {
  return Around("delete-run", [&] { return StoreWrapper::DeleteRun(run); });
}

std::vector<PutResult> FailingStore::PutIfAbsent(absl::Span<const NewRecord> records) {
  return Around("put", [&] { return StoreWrapper::PutIfAbsent(records); });
}

std::vector<absl::StatusOr<std::int64_t>> FailingStore::SealAll(absl::Span<const SeriesId> series,
                                                                std::optional<std::int64_t> count) {
  return Around("seal", [&] { return StoreWrapper::SealAll(series, count); });
}

absl::Status FailingStore::WriteCheckpoint(SeriesId series, const Checkpoint& checkpoint,
                                           bool drop_values) {
  return Around("checkpoint",
                [&] { return StoreWrapper::WriteCheckpoint(series, checkpoint, drop_values); });
}

}  // namespace calipers::crash
