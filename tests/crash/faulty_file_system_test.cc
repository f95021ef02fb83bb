#include "tests/crash/faulty_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/env.h"

namespace calipers::crash {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A RocksDB database on a faulty disk, in a folder for this test only.
class FaultyFileSystemTest : public ::testing::Test {
 protected:
  FaultyFileSystemTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FaultyFileSystemTest() override {
    db_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string JournalFile() const { return folder_ / "journal"; }

  rocksdb::Status Open(FaultyFileSystem::Options options) {
    db_.reset();
    env_ = rocksdb::NewCompositeEnv(
        std::make_shared<FaultyFileSystem>(rocksdb::FileSystem::Default(), std::move(options)));
    rocksdb::Options settings;
    settings.create_if_missing = true;
    settings.env = env_.get();
    rocksdb::DB* db = nullptr;
    rocksdb::Status status = rocksdb::DB::Open(settings, folder_ / "data", &db);
    db_.reset(db);
    return status;
  }
  rocksdb::Status OpenWithFault(const std::string& fault) {
    return Open({.faults = {*Fault::Parse(fault)}});
  }
  rocksdb::Status OpenWithJournal() { return Open({.journal = *SyncJournal::Open(JournalFile())}); }

  rocksdb::Status Put(const std::string& key, bool sync = true) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db_->Put(options, key, std::string(1000, 'v'));
  }
  bool Has(const std::string& key) {
    std::string value;
    return db_->Get({}, key, &value).ok() && value == std::string(1000, 'v');
  }
  // Works on a copy, as a kill would leave it, because RocksDB's own close may still write.
  void CopyAndCutPower(std::uint64_t seed) {
    const auto data = folder_ / "data", journal = folder_ / "journal", copy = folder_ / "copy";
    std::filesystem::copy(data, copy, std::filesystem::copy_options::recursive);
    std::filesystem::copy(journal, folder_ / "journal.copy");
    db_.reset();
    std::filesystem::remove_all(data);
    std::filesystem::rename(copy, data);
    std::filesystem::rename(folder_ / "journal.copy", journal);
    ASSERT_TRUE(SyncJournal::CutPower(journal, seed).ok());
  }

  const std::filesystem::path folder_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
};

TEST_F(FaultyFileSystemTest, ReportsOnlyTheOperationsThatFail) {
  std::vector<std::string> failed;
  FaultyFileSystem::Options options{.faults = {*Fault::Parse("wal-sync:EIO:2:1")}};
  options.on_fault = [&](absl::string_view operation) { failed.emplace_back(operation); };
  ASSERT_TRUE(Open(std::move(options)).ok());
  EXPECT_THAT(failed, IsEmpty());
  EXPECT_TRUE(Put("a").ok());
  EXPECT_FALSE(Put("b").ok());
  EXPECT_THAT(failed, ElementsAre("wal-sync"));
}

TEST_F(FaultyFileSystemTest, ChangesNothingWithoutFaults) {
  ASSERT_TRUE(Open({}).ok());
  ASSERT_TRUE(Put("a").ok());
  ASSERT_TRUE(Open({}).ok());
  EXPECT_TRUE(Has("a"));
}

TEST_F(FaultyFileSystemTest, FailsTheOperationThatIsNamed) {
  ASSERT_TRUE(OpenWithFault("wal-sync:EIO:2:1").ok());
  EXPECT_TRUE(Put("a").ok());
  EXPECT_THAT(Put("b").ToString(), HasSubstr("Input/output error"));
  ASSERT_TRUE(Open({}).ok());
  EXPECT_TRUE(Has("a"));
}

TEST_F(FaultyFileSystemTest, SaysThatThereIsNoSpaceAfterAShortWrite) {
  ASSERT_TRUE(OpenWithFault("wal-append:short:2:0").ok());
  EXPECT_TRUE(Put("a").ok());
  EXPECT_TRUE(Put("b").IsNoSpace());
  ASSERT_TRUE(Open({}).ok());
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("b"));
}

TEST_F(FaultyFileSystemTest, FailsReadsAndCreations) {
  ASSERT_TRUE(Open({}).ok());
  ASSERT_TRUE(Put("a").ok());
  EXPECT_FALSE(OpenWithFault("manifest-read:EIO:1:1").ok());
  EXPECT_FALSE(OpenWithFault("any-create:ENOSPC:1:0").ok());
  ASSERT_TRUE(Open({}).ok());
  EXPECT_TRUE(Has("a"));
}

TEST_F(FaultyFileSystemTest, ReportsThePointsThatItPasses) {
  std::vector<std::string> points;
  ASSERT_TRUE(
      Open({.at_point = [&](absl::string_view point) { points.emplace_back(point); }}).ok());
  EXPECT_THAT(points, Contains("before-current-rename"));
  EXPECT_THAT(points, Contains("after-manifest-sync"));
  points.clear();
  ASSERT_TRUE(Put("a").ok());
  EXPECT_THAT(points, ::testing::IsSupersetOf({"before-wal-append", "after-wal-append",
                                               "before-wal-sync", "after-wal-sync"}));
  db_.reset();
}

TEST_F(FaultyFileSystemTest, PowerCutTakesWhatWasNotSynced) {
  int lost = 0;
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    std::filesystem::remove_all(folder_ / "data");
    std::filesystem::remove(JournalFile());
    ASSERT_TRUE(OpenWithJournal().ok());
    ASSERT_TRUE(Put("synced").ok());
    ASSERT_TRUE(Put("unsynced", /*sync=*/false).ok());
    CopyAndCutPower(seed);
    ASSERT_TRUE(OpenWithJournal().ok());
    EXPECT_TRUE(Has("synced"));
    lost += Has("unsynced") ? 0 : 1;
  }
  EXPECT_EQ(lost, 16);
}

TEST_F(FaultyFileSystemTest, PowerCutLosesUnsyncedWritesOfAnEarlierProcess) {
  ASSERT_TRUE(OpenWithJournal().ok());
  ASSERT_TRUE(Put("unsynced", /*sync=*/false).ok());
  db_->Close();
  // The journal file is enough: no state of the process is left.
  ASSERT_TRUE(SyncJournal::CutPower(JournalFile(), 1).ok());
  ASSERT_TRUE(OpenWithJournal().ok());
  EXPECT_FALSE(Has("unsynced"));
}

TEST(FaultTest, ParsesValidFaultsOnly) {
  EXPECT_TRUE(Fault::Parse("any-append:short:1:0").ok());
  for (const char* text : {"", "wal-sync", "wal-sync:EIO:0:1", "wal-sync:EPERM:1:1",
                           "wal-sync:EIO:1:-1", "wal-sync:EIO:x:1"}) {
    EXPECT_FALSE(Fault::Parse(text).ok()) << text;
  }
}

TEST(FaultTest, FailsOnlyTheGivenNumberOfTimes) {
  FaultPlan plan({*Fault::Parse("wal-sync:EIO:2:2")});
  EXPECT_FALSE(plan.Next("wal", "sync"));
  EXPECT_FALSE(plan.Next("table", "sync"));
  EXPECT_TRUE(plan.Next("wal", "sync"));
  EXPECT_TRUE(plan.Next("wal", "sync"));
  EXPECT_FALSE(plan.Next("wal", "sync"));
}

TEST(FailpointDeathTest, KillsAtThePassThatIsNamed) {
  EXPECT_FALSE(Failpoint::Parse("after-put").ok());
  EXPECT_FALSE(Failpoint::Parse("after-put:0").ok());
  Failpoint failpoint = *Failpoint::Parse("after-put:2");
  failpoint.Pass("after-put");
  failpoint.Pass("before-put");
  EXPECT_EXIT(failpoint.Pass("after-put"), ::testing::KilledBySignal(SIGKILL), "");
}

}  // namespace
}  // namespace calipers::crash
