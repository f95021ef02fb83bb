#ifndef CALIPERS_TESTS_CRASH_FAILING_STORE_H_
#define CALIPERS_TESTS_CRASH_FAILING_STORE_H_

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/crash/failpoint.h"
#include "tests/support/store_wrapper.h"

namespace calipers::crash {

/// Passes a point before and after each call that changes the store, and before and after the
/// start: `before-` and `after-` with `restore`, `create`, `reset`, `delete-session`, `delete-run`,
/// `put`, `seal` and `checkpoint`. At `after-put` the records are stored, and no client has an
/// acknowledgement yet.
class FailingStore final : public testing::StoreWrapper {
 public:
  FailingStore(std::unique_ptr<server::Store> base, AtPoint at_point)
      : StoreWrapper(std::move(base)), at_point_(std::move(at_point)) {}

  absl::Status ForEachSession(absl::FunctionRef<void(server::StoredSession)> visit) override;
  absl::StatusOr<server::SeriesId> CreateSession(
      std::shared_ptr<const server::SessionIdentity> identity) override;
  absl::StatusOr<server::SeriesId> ResetSession(server::SeriesId series) override;
  absl::Status DeleteSession(server::SeriesId series) override;
  absl::Status DeleteRun(const server::RunName& run) override;
  std::vector<server::PutResult> PutIfAbsent(absl::Span<const server::NewRecord> records) override;
  std::vector<absl::StatusOr<std::int64_t>> SealAll(absl::Span<const server::SeriesId> series,
                                                    std::optional<std::int64_t> count) override;
  absl::Status WriteCheckpoint(server::SeriesId series, const server::Checkpoint& checkpoint,
                               bool drop_values) override;

 private:
  // Passes both points around `call`.
  template <typename Call>
  auto Around(absl::string_view name, Call call);

  const AtPoint at_point_;
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_FAILING_STORE_H_
