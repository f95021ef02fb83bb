#ifndef CALIPERS_TESTS_SUPPORT_STORE_WRAPPER_H_
#define CALIPERS_TESTS_SUPPORT_STORE_WRAPPER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/store.h"

namespace calipers::testing {

/// A store that forwards every call to another store. A derived class changes single calls.
class StoreWrapper : public server::Store {
 public:
  explicit StoreWrapper(std::shared_ptr<server::Store> base) : base_(std::move(base)) {}

  bool IsImmediate() const override { return base_->IsImmediate(); }
  absl::Status ForEachSession(absl::FunctionRef<void(server::StoredSession)> visit) override {
    return base_->ForEachSession(visit);
  }
  absl::StatusOr<server::SeriesId> CreateSession(
      std::shared_ptr<const server::SessionIdentity> identity) override {
    return base_->CreateSession(std::move(identity));
  }
  absl::StatusOr<server::SeriesId> ResetSession(server::SeriesId series) override {
    return base_->ResetSession(series);
  }
  absl::Status DeleteSession(server::SeriesId series) override {
    return base_->DeleteSession(series);
  }
  absl::Status DeleteRun(const server::RunName& run) override { return base_->DeleteRun(run); }
  std::vector<server::PutResult> PutIfAbsent(absl::Span<const server::NewRecord> records) override {
    return base_->PutIfAbsent(records);
  }
  absl::Status CheckFits(server::SeriesId series, const server::RecordForm& form) override {
    return base_->CheckFits(series, form);
  }
  absl::StatusOr<server::SeriesFacts> Facts(server::SeriesId series) override {
    return base_->Facts(series);
  }
  absl::StatusOr<server::SeriesSummary> Summary(server::SeriesId series) override {
    return base_->Summary(series);
  }
  absl::StatusOr<std::unique_ptr<server::SeriesReader>> Read(server::SeriesId series,
                                                             server::BatchIndex from) override {
    return base_->Read(series, from);
  }
  std::vector<absl::StatusOr<std::int64_t>> SealAll(absl::Span<const server::SeriesId> series,
                                                    std::optional<std::int64_t> count) override {
    return base_->SealAll(series, count);
  }
  absl::Status WriteCheckpoint(server::SeriesId series, const server::Checkpoint& checkpoint,
                               bool drop_values) override {
    return base_->WriteCheckpoint(series, checkpoint, drop_values);
  }
  absl::StatusOr<std::optional<server::Checkpoint>> ReadCheckpoint(
      server::SeriesId series) override {
    return base_->ReadCheckpoint(series);
  }
  absl::StatusOr<Backup> CreateBackup(const std::string& id) override {
    return base_->CreateBackup(id);
  }

 private:
  const std::shared_ptr<server::Store> base_;
};

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_STORE_WRAPPER_H_
