#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "server/storage/rocksdb/restore_backup.h"
#include "tests/server/storage/rocksdb/rocksdb_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::IndicesOf;
using calipers::testing::MakeIdentity;
using calipers::testing::MakeObserved;
using calipers::testing::NamesIn;
using calipers::testing::PutOne;
using calipers::testing::ReadSeries;
using calipers::testing::Same;
using calipers::testing::SessionsOf;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

constexpr BatchIndex kBackedUp = 50;

class BackupTest : public testing::RocksdbTest {
 protected:
  void Fill() {
    Open();
    series_ = *store_->CreateSession(MakeIdentity("r"));
    for (BatchIndex i = 0; i < kBackedUp; ++i) PutOne(*store_, series_, i, double(i));
  }

  // Expects that the store in `directory` holds exactly the records of Fill.
  void ExpectFilled(const std::string& directory) {
    const auto store = RocksdbStore::Open({.directory = directory});
    ASSERT_OK(store);
    EXPECT_EQ(SessionsOf(**store).size(), 1U);
    const auto records = ReadSeries(**store, series_);
    EXPECT_EQ(records.size(), std::size_t{kBackedUp});
    for (const auto& [index, observed] : records) {
      EXPECT_TRUE(Same(*observed, *MakeObserved(double(index))));
    }
    const SeriesId next = *(*store)->CreateSession(MakeIdentity("next"));
    EXPECT_GT(next, series_);
  }

  SeriesId series_{0};
  testing::TempDirectory target_;
};

class BackupDurabilityTest : public BackupTest, public ::testing::WithParamInterface<Durability> {};
INSTANTIATE_TEST_SUITE_P(All, BackupDurabilityTest,
                         ::testing::Values(Durability::kSync, Durability::kOs, Durability::kNone));

TEST_P(BackupDurabilityTest, RestoredBackupHasAllThatWasThere) {
  options_.durability = GetParam();
  Fill();
  const auto backup = store_->CreateBackup("b-1.0_x");
  ASSERT_OK(backup);
  EXPECT_EQ(backup->path, path() + "/backups/b-1.0_x");
  EXPECT_GT(backup->size_bytes, 0);
  // Later changes are not in the backup.
  PutOne(*store_, series_, kBackedUp, 1);
  EXPECT_OK(store_->DeleteSession(series_));
  store_.reset();
  EXPECT_OK(RestoreBackup(backup->path, target_.path()));
  EXPECT_EQ(NamesIn(target_.path()), (std::set<std::string>{"FORMAT", "LOCK", "db"}));
  ExpectFilled(target_.path());
}

TEST_F(BackupTest, IsLaidOutAsADataDirectory) {
  Fill();
  const std::string backup = store_->CreateBackup("b")->path;
  EXPECT_EQ(testing::ReadFile(backup + "/FORMAT"), "calipers 3\n");
  // A restore does not change the backup.
  EXPECT_OK(RestoreBackup(backup, target_.path()));
  ExpectFilled(backup);
}

TEST_F(BackupTest, NameMustBeValidAndUnused) {
  Fill();
  ASSERT_OK(store_->CreateBackup("b"));
  EXPECT_THAT(store_->CreateBackup("b"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("b")));
  EXPECT_OK(store_->CreateBackup("b2"));
  for (const std::string& id : {std::string(), std::string("."), std::string(".."),
                                std::string("a/b"), std::string("x.part"), std::string("a b"),
                                std::string("a\0b", 3), std::string(129, 'a'), std::string(".x")}) {
    EXPECT_THAT(store_->CreateBackup(id),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("backup_id")))
        << id;
  }
  EXPECT_EQ(NamesIn(path() + "/backups"), (std::set<std::string>{"b", "b2"}));
}

TEST_F(BackupTest, UnfinishedBackupIsRemovedAtStart) {
  Fill();
  std::filesystem::create_directories(path() + "/backups/b.part/db");
  Reopen();
  EXPECT_TRUE(NamesIn(path() + "/backups").empty());
  EXPECT_OK(store_->CreateBackup("b"));
}

TEST_F(BackupTest, IsMadeWhileOthersWrite) {
  Fill();
  // Counted before the put: a record in progress may be in the log, and so in a backup, before a
  // reader of the store can see it.
  std::atomic<BatchIndex> begun{kBackedUp};
  const std::jthread writer([&](const std::stop_token& stop) {
    for (BatchIndex i = kBackedUp; !stop.stop_requested(); ++i) {
      begun = i + 1;
      PutOne(*store_, series_, i, double(i));
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto before = BatchIndex(IndicesOf(*store_, series_).size());
    const auto backup = store_->CreateBackup("b" + std::to_string(i));
    ASSERT_OK(backup);
    const BatchIndex after = begun;
    const testing::TempDirectory restored;
    ASSERT_OK(RestoreBackup(backup->path, restored.path()));
    const auto store = RocksdbStore::Open({.directory = restored.path()});
    ASSERT_OK(store);
    const auto records = IndicesOf(**store, series_);
    EXPECT_GE(BatchIndex(records.size()), before);
    EXPECT_LE(BatchIndex(records.size()), after);
    // There is no gap.
    EXPECT_EQ(records.back() + 1, BatchIndex(records.size()));
  }
}

TEST_F(BackupTest, RestoreNeedsAnEmptyDirectory) {
  Fill();
  const std::string backup = store_->CreateBackup("b")->path;
  EXPECT_THAT(RestoreBackup(backup, path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("holds data")));
  std::filesystem::create_directories(target_.path());
  testing::WriteFile(target_.path() + "/file", "mine");
  EXPECT_THAT(RestoreBackup(backup, target_.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("neither empty")));
  std::filesystem::remove(target_.path() + "/file");
  EXPECT_OK(RestoreBackup(backup, target_.path()));
  ExpectFilled(target_.path());
}

TEST_F(BackupTest, OnlyABackupIsRestored) {
  std::filesystem::create_directories(path());
  EXPECT_THAT(RestoreBackup(path(), target_.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no backup")));
  EXPECT_THAT(RestoreBackup(path() + "/none", target_.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no backup")));
  EXPECT_FALSE(std::filesystem::exists(target_.path()));
}

TEST_F(BackupTest, DamagedBackupIsNotRestored) {
  Fill();
  const std::string backup = store_->CreateBackup("b")->path;
  for (const std::string& name : NamesIn(backup + "/db")) {
    if (!name.ends_with(".sst")) continue;
    const std::string file = backup + "/db/" + name;
    std::string content = testing::ReadFile(file);
    content[content.size() / 4] = static_cast<char>(content[content.size() / 4] ^ 1);
    // Replaces the file, because the backup shares it with the data directory.
    std::filesystem::remove(file);
    testing::WriteFile(file, content);
  }
  EXPECT_THAT(RestoreBackup(backup, target_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("")));
  // The restore can be repeated, with another backup.
  const std::string good = store_->CreateBackup("good")->path;
  EXPECT_OK(RestoreBackup(good, target_.path()));
  ExpectFilled(target_.path());
}

TEST_F(BackupTest, RestoreThatWasCutShortIsBegunAgain) {
  Fill();
  const std::string backup = store_->CreateBackup("b")->path;
  std::filesystem::create_directories(target_.path() + "/db.part");
  testing::WriteFile(target_.path() + "/db.part/CURRENT", "half");
  EXPECT_THAT(RocksdbStore::Open({.directory = target_.path()}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--restore-from again")));
  EXPECT_OK(RestoreBackup(backup, target_.path()));
  ExpectFilled(target_.path());
}

}  // namespace
}  // namespace calipers::server
