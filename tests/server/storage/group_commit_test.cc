#include "server/storage/group_commit.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/records.h"
#include "tests/support/store_wrapper.h"

namespace calipers::server {
namespace {

using calipers::testing::MakeRecord;

// A memory store that is not immediate, and whose puts wait until the test lets them go.
class WaitingStore final : public testing::StoreWrapper {
 public:
  WaitingStore() : StoreWrapper(std::make_unique<MemoryStore>(1 << 20)) {}

  bool IsImmediate() const override { return false; }
  std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) override {
    go_.WaitForNotification();
    writes_.push_back(records.size());
    return StoreWrapper::PutIfAbsent(records);
  }

  void Go() { go_.Notify(); }
  const std::vector<std::size_t>& writes() const { return writes_; }

 private:
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
