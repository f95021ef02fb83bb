#include "server/storage/group_commit.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/records.h"

namespace calipers::server {
namespace {

using calipers::testing::MakeRecord;

// A memory store that is not immediate, and whose puts wait until the test lets them go.
class WaitingStore final : public Store {
 public:
  bool IsImmediate() const override { return false; }
  std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) override {
    go_.WaitForNotification();
    writes_.push_back(records.size());
    return store_.PutIfAbsent(records);
  }
  absl::Status ForEachSession(absl::FunctionRef<void(StoredSession)> visit) override {
    return store_.ForEachSession(visit);
  }
  absl::StatusOr<SeriesId> CreateSession(std::shared_ptr<const SessionIdentity> id) override {
    return store_.CreateSession(std::move(id));
  }
  absl::StatusOr<SeriesId> ResetSession(SeriesId series) override {
    return store_.ResetSession(series);
  }
  absl::Status DeleteSession(SeriesId series) override { return store_.DeleteSession(series); }
  absl::Status DeleteRun(const RunName& run) override { return store_.DeleteRun(run); }
  absl::Status CheckFits(SeriesId series, const RecordForm& form) override {
    return store_.CheckFits(series, form);
  }
  absl::StatusOr<SeriesFacts> Facts(SeriesId series) override { return store_.Facts(series); }
  absl::StatusOr<SeriesSummary> Summary(SeriesId series) override { return store_.Summary(series); }
  absl::StatusOr<std::unique_ptr<SeriesReader>> Read(SeriesId series, BatchIndex from) override {
    return store_.Read(series, from);
  }
  std::vector<absl::StatusOr<std::int64_t>> SealAll(absl::Span<const SeriesId> series,
                                                    std::optional<std::int64_t> count) override {
    return store_.SealAll(series, count);
  }
  absl::Status WriteCheckpoint(SeriesId series, const Checkpoint& checkpoint, bool drop) override {
    return store_.WriteCheckpoint(series, checkpoint, drop);
  }
  absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint(SeriesId series) override {
    return store_.ReadCheckpoint(series);
  }
  absl::StatusOr<Backup> CreateBackup(const std::string& id) override {
    return store_.CreateBackup(id);
  }

  void Go() { go_.Notify(); }
  const std::vector<std::size_t>& writes() const { return writes_; }

 private:
  MemoryStore store_{1 << 20};
  absl::Notification go_;
  std::vector<std::size_t> writes_;
};

std::shared_ptr<const SessionIdentity> Identity() {
  return std::make_shared<const SessionIdentity>(
      SessionIdentity{*SessionName::Parse("runs/r/sessions/m/input"), {}, absl::UnixEpoch()});
}

std::vector<NewRecord> Records(SeriesId series, BatchIndex begin, BatchIndex end) {
  std::vector<NewRecord> records;
  for (BatchIndex i = begin; i < end; ++i) {
    records.push_back({series,
                       i,
                       SeriesRecord::Make(*MakeRecord(0, static_cast<double>(i)), {1},
                                          std::make_shared<const std::string>("w")),
                       {1}});
  }
  return records;
}

TEST(GroupCommitTest, PutsDuringAWriteShareTheNextWrite) {
  WaitingStore store;
  const SeriesId series = *store.CreateSession(Identity());
  std::vector<std::vector<PutResult>> results(20);
  {
    GroupCommit commit(&store);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto begin = static_cast<BatchIndex>(i * 3);
      commit.Put(Records(series, begin, begin + 3),
                 [&results, i](absl::Span<const PutResult> done) {
                   results[i].assign(done.begin(), done.end());
                 });
    }
    // The callers do not wait, but the store does.
    EXPECT_TRUE(results[0].empty());
    store.Go();
  }
  ASSERT_LE(store.writes().size(), 2U);
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_EQ(results[i].size(), 3U);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(results[i][k].outcome, PutResult::kStored);
      EXPECT_EQ(results[i][k].index, static_cast<BatchIndex>(i * 3 + k));
    }
  }
}

TEST(GroupCommitTest, ImmediateStoreAnswersBeforePutReturns) {
  MemoryStore store(1 << 20);
  const SeriesId series = *store.CreateSession(Identity());
  GroupCommit commit(&store);
  bool done = false;
  commit.Put(Records(series, 0, 2),
             [&done, caller = std::this_thread::get_id()](absl::Span<const PutResult> results) {
               EXPECT_EQ(results.size(), 2U);
               EXPECT_EQ(std::this_thread::get_id(), caller);
               done = true;
             });
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace calipers::server
