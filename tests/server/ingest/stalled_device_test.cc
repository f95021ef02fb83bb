// A stream's callback runs on one of gRPC's few threads. It must not wait for a device, not even
// for the first observation of a session after a restart, whose series is on the disk.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/ingest/observation_ingest.h"
#include "server/storage/rocksdb/rocksdb_store.h"
#include "tests/server/storage/rocksdb/stalling_files.h"
#include "tests/support/add_record.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stream_parts.h"
#include "tests/support/temp_directory.h"

namespace calipers::server {
namespace {

using calipers::testing::AddRecord;
using calipers::testing::kOne;
using calipers::testing::MakeRecord;
using calipers::testing::StallingFiles;
using calipers::testing::StreamParts;
using calipers::testing::TempDirectory;

constexpr int kSessions = 32;
constexpr int kRecords = 40;

SessionName NameOf(int session) {
  return *SessionName::Parse(absl::StrCat("runs/r/sessions/m.", session, "/input"));
}

class StalledDeviceTest : public ::testing::Test {
 protected:
  // An earlier server stores records in every session. Only their rows on the disk remain.
  void SetUp() override {
    {
      const std::unique_ptr<Store> store = Open();
      SessionTable table(store.get(), kSessions);
      for (int s = 0; s < kSessions; ++s) {
        const auto session = table.Create(NameOf(s), {});
        ASSERT_OK(session);
        for (int i = 0; i < kRecords; ++i) {
          ASSERT_EQ(AddRecord(*store, **session, i, kOne, MakeRecord(-i, i), "w").outcome,
                    Outcome::kStored);
        }
      }
    }
    store_ = Open();
    table_ = std::make_unique<SessionTable>(store_.get(), kSessions);
    ASSERT_OK(table_->Restore());
    parts_ = std::make_unique<StreamParts>(store_.get(), table_.get(), &budget_);
    ingest_ = std::make_unique<ObservationIngest>(parts_->shared(), acks_, "w");
    acks_->NotifyReady([this] {
      const absl::MutexLock lock(&mu_);
      ready_ = acks_->HasReady();
    });
  }

  std::unique_ptr<Store> Open() {
    auto store = RocksdbStore::Open({.directory = directory_.path(), .file_system = files_});
    EXPECT_OK(store);
    return *std::move(store);
  }

  // What the callback of one message with one float32 tensor does.
  void Send(int session, std::int64_t index, const std::vector<std::byte>& tensor) {
    const std::string name = NameOf(session).full();
    const std::vector<std::int64_t> shape = {1, static_cast<std::int64_t>(tensor.size() / 4)};
    ingest_->Begin({name, index, "F32", shape, std::nullopt});
    ingest_->Data(tensor);
    ingest_->Commit();
  }

  // The acknowledgements in the order of their observations, at most `count`.
  std::vector<Ack> WaitForAcks(std::size_t count) {
    std::vector<Ack> acks;
    while (acks.size() < count) {
      {
        const absl::MutexLock lock(&mu_);
        if (!mu_.AwaitWithTimeout(absl::Condition(&ready_), absl::Seconds(30))) break;
        ready_ = false;
      }
      for (Ack& ack : acks_->Drain(count - acks.size())) acks.push_back(std::move(ack));
    }
    return acks;
  }

  bool HasAck() const { return acks_->HasReady(); }

  const TempDirectory directory_;
  const std::shared_ptr<StallingFiles> files_ = std::make_shared<StallingFiles>();
  std::unique_ptr<Store> store_;
  std::unique_ptr<SessionTable> table_;
  InflightBudget budget_{1 << 20};
  const std::shared_ptr<AckQueue> acks_ = std::make_shared<AckQueue>();
  std::unique_ptr<StreamParts> parts_;
  std::unique_ptr<ObservationIngest> ingest_;
  absl::Mutex mu_;
  bool ready_ ABSL_GUARDED_BY(mu_) = false;
};

TEST_F(StalledDeviceTest, CallbacksReturnWhileTheDeviceIsStalled) {
  files_->Stall();
  files_->WatchThisThread();
  const std::vector<std::byte> tensor(8);
  for (int s = 0; s < kSessions; ++s) Send(s, kRecords, tensor);
  // Each callback returned. Another thread waits for the device, so nothing can be acknowledged.
  EXPECT_TRUE(files_->WaitUntilAThreadWaits());
  EXPECT_FALSE(HasAck());
  EXPECT_EQ(files_->watched_calls(), 0);

  files_->Resume();
  const std::vector<Ack> acks = WaitForAcks(kSessions);
  ASSERT_EQ(acks.size(), kSessions);
  for (const Ack& ack : acks) {
    EXPECT_EQ(ack.outcome, Outcome::kStored) << ack.status;
    EXPECT_EQ(ack.index, kRecords);
  }
}

}  // namespace
}  // namespace calipers::server
