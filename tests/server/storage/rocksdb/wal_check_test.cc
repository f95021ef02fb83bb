#include "server/storage/rocksdb/wal_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "server/storage/rocksdb/options.h"

namespace calipers::server {
namespace {

using ::testing::HasSubstr;

constexpr int kKeys = 60;
constexpr std::size_t kHeader = 7;
// Kinds of fragments.
constexpr int kFull = 1;
constexpr int kFirst = 2;
constexpr int kLast = 4;

// The begin of each fragment in an undamaged log.
std::vector<std::size_t> Starts(const std::string& log) {
  std::vector<std::size_t> starts;
  std::size_t at = 0;
  while (at + kHeader <= log.size()) {
    if (32768 - at % 32768 < kHeader) {
      at += 32768 - at % 32768;
      continue;
    }
    starts.push_back(at);
    at += kHeader + static_cast<unsigned char>(log[at + 4]) +
          std::size_t{static_cast<unsigned char>(log[at + 5])} * 256;
  }
  return starts;
}

int KindAt(const std::string& log, std::size_t at) { return log[at + 6]; }

// The begin of the last record in an undamaged log.
std::size_t LastRecord(const std::string& log) {
  std::size_t last = 0;
  for (const std::size_t start : Starts(log)) {
    if (KindAt(log, start) == kFull || KindAt(log, start) == kFirst) last = start;
  }
  return last;
}

// A database that was closed with records in its log, and that also has a table.
class WalCheckTest : public ::testing::Test {
 protected:
  WalCheckTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    auto db = Open();
    Put(*db, "table");
    EXPECT_TRUE(db->Flush({}).ok());
    Put(*db, "log");
    EXPECT_TRUE(db->Close().ok());
  }
  ~WalCheckTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<rocksdb::DB> Open() {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    rocksdb::DB* db = nullptr;
    opened_ = rocksdb::DB::Open(options, folder_, &db);
    return std::unique_ptr<rocksdb::DB>(db);
  }

  // Writes more than one block in all.
  static void Put(rocksdb::DB& db, const std::string& prefix) {
    for (int i = 0; i < kKeys; ++i) {
      EXPECT_TRUE(db.Put({}, prefix + std::to_string(i), std::string(1000, 'v')).ok());
    }
  }

  // Makes the last record have two parts, each as short as possible.
  void PutOverTheEndOfABlock() {
    const auto db = Open();
    std::string log;
    for (int i = 0; Starts(log).empty() || KindAt(log, Starts(log).back()) != kLast; ++i) {
      ASSERT_LT(i, 1000);
      ASSERT_TRUE(db->Put({}, "block" + std::to_string(i), std::string(70, 'v')).ok());
      log = Read(Newest("", ".log"));
    }
  }

  // Opens read-only with the store's options, and counts the rows; nullopt if RocksDB refuses.
  std::optional<std::size_t> CountRows() {
    rocksdb::DB* opened = nullptr;
    const rocksdb::Options options = MakeRocksdbOptions(rocksdb::Env::Default(), 1 << 20);
    if (!rocksdb::DB::OpenForReadOnly(options, folder_, &opened).ok()) return std::nullopt;
    const std::unique_ptr<rocksdb::DB> db(opened);
    const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator({}));
    std::size_t count = 0;
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) ++count;
    if (!rows->status().ok()) return std::nullopt;
    return count;
  }

  std::filesystem::path Newest(const std::string& beginning, const std::string& ending) const {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(beginning) && name.ends_with(ending) && entry.file_size() > 0 &&
          entry.path() > newest) {
        newest = entry.path();
      }
    }
    return newest;
  }

  static std::string Read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  absl::Status Check() { return CheckWals(*rocksdb::FileSystem::Default(), folder_); }

  const std::filesystem::path folder_;
  rocksdb::Status opened_;
};

TEST_F(WalCheckTest, IntactLogsPass) {
  EXPECT_TRUE(Check().ok());
  EXPECT_TRUE(CheckWals(*rocksdb::FileSystem::Default(), folder_ / "absent").ok());
}

TEST_F(WalCheckTest, TornLastWriteIsAccepted) {
  const std::string log = Read(Newest("", ".log"));
  ASSERT_GT(log.size(), 40'000U);
  for (std::size_t size = 0; size < log.size(); size += 13) {
    EXPECT_TRUE(CheckWal("log", log.substr(0, size)).ok()) << size;
  }
  EXPECT_TRUE(CheckWal("log", log + std::string(100, '\0')).ok());
}

// RocksDB or the check detects every change.
TEST_F(WalCheckTest, EveryBitOfEveryHeaderIsGuarded) {
  for (const auto& path : {Newest("", ".log"), Newest("MANIFEST-", "")}) {
    const std::string whole = Read(path);
    const auto name = path.filename().string();
    for (const std::size_t start : Starts(whole)) {
      for (std::size_t bit = 32; bit < 56; ++bit) {
        std::string log = whole;
        log[start + bit / 8] = static_cast<char>(log[start + bit / 8] ^ (1 << bit % 8));
        if (!CheckWal(name, log).ok()) continue;
        // The length must at least fit the file; then the checksum cannot be correct.
        const std::size_t length = static_cast<unsigned char>(log[start + 4]) +
                                   std::size_t{static_cast<unsigned char>(log[start + 5])} * 256;
        const int kind = log[start + 6];
        EXPECT_LE(start + kHeader + length, log.size()) << name << " " << start << " " << bit;
        EXPECT_TRUE(kind >= 1 && kind <= 4) << name << " " << start << " " << bit;
      }
    }
  }
}

// A killed server may have been in the middle of a write. For any flipped bit of its last record,
// the record is there, or RocksDB or the check refuses the log.
TEST_F(WalCheckTest, NoBitOfTheLastRecordIsPassedOver) {
  PutOverTheEndOfABlock();
  const std::size_t rows = CountRows().value();
  for (const auto& path : {Newest("", ".log"), Newest("MANIFEST-", "")}) {
    const std::string whole = Read(path);
    for (std::size_t bit = 8 * LastRecord(whole); bit < 8 * whole.size(); ++bit) {
      std::string log = whole;
      log[bit / 8] = static_cast<char>(log[bit / 8] ^ (1 << bit % 8));
      std::ofstream(path, std::ios::binary) << log;
      if (!Check().ok()) continue;
      const std::optional<std::size_t> found = CountRows();
      EXPECT_TRUE(!found || *found == rows) << path << " bit " << bit << ": " << *found << " rows";
    }
    std::ofstream(path, std::ios::binary) << whole;
  }
  EXPECT_EQ(CountRows(), rows);
}

TEST_F(WalCheckTest, NamesTheFileAndTheByte) {
  const auto path = Newest("MANIFEST-", "");
  std::string manifest = Read(path);
  const std::size_t last = Starts(manifest).back();
  manifest[last + 5] = static_cast<char>(manifest[last + 5] ^ 0x10);
  std::ofstream(path, std::ios::binary) << manifest;
  // RocksDB opens the database, but without the last edit.
  const absl::Status status = Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path.string()));
  EXPECT_THAT(std::string(status.message()), HasSubstr("byte " + std::to_string(last)));
  Open();
  EXPECT_TRUE(opened_.ok());
}

}  // namespace
}  // namespace calipers::server
