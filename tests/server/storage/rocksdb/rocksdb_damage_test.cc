#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/verify.h"
#include "tests/server/storage/rocksdb/rocksdb_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::IndicesOf;
using calipers::testing::MakeIdentity;
using calipers::testing::MakeNew;
using calipers::testing::MakeObserved;
using calipers::testing::PutOne;
using calipers::testing::ReadSeries;
using calipers::testing::Same;
using calipers::testing::SessionsOf;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

constexpr BatchIndex kFilled = 4;

class DamageTest : public testing::RocksdbTest {
 protected:
  // Writes rows of every kind.
  void Fill() {
    Open();
    series_ = *store_->CreateSession(MakeIdentity("r"));
    for (BatchIndex i = 0; i < kFilled; ++i) PutOne(*store_, series_, i, double(i));
    EXPECT_OK(store_->WriteCheckpoint(series_, {2, "state"}, true));
    store_.reset();
  }

  std::unique_ptr<rocksdb::DB> OpenRows() {
    rocksdb::DB* db = nullptr;
    EXPECT_TRUE(rocksdb::DB::Open({}, path() + "/db", &db).ok());
    return std::unique_ptr<rocksdb::DB>(db);
  }

  std::map<std::string, std::string> Rows() {
    const auto db = OpenRows();
    std::map<std::string, std::string> rows;
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator({}));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      rows[it->key().ToString()] = it->value().ToString();
    }
    return rows;
  }

  void Put(const std::string& key, const std::string& value) {
    EXPECT_TRUE(OpenRows()->Put({}, key, value).ok());
  }

  // Every question must give the stored values or DATA_LOSS. Returns the number of DATA_LOSS
  // results.
  int AskEverything() {
    int lost = 0;
    const auto opened = RocksdbStore::Open(options_);
    if (!opened.ok()) {
      ExpectLoss(opened.status());
      return 1;
    }
    Store& store = **opened;
    const auto checkpoint = store.ReadCheckpoint(series_);
    if (checkpoint.ok()) {
      EXPECT_TRUE(*checkpoint && (*checkpoint)->prefix_end == 2 && (*checkpoint)->state == "state");
    } else {
      ExpectLoss(checkpoint.status());
      ++lost;
    }
    const auto reader = store.Read(series_, 0);
    EXPECT_OK(reader);
    SeriesReader::Entry entry;
    for (BatchIndex i = 0; i <= kFilled; ++i) {
      const auto more = (*reader)->Next(entry);
      if (!more.ok()) {
        ExpectLoss(more.status());
        ++lost;
        break;
      }
      EXPECT_EQ(*more, i < kFilled);
      if (!*more) break;
      EXPECT_EQ(entry.index, i);
      const auto given = MakeObserved(double(i));
      EXPECT_TRUE(Same(*entry.observed, i < 2 ? *given->WithoutValues() : *given));
    }
    for (BatchIndex i = 0; i < kFilled; ++i) {
      const PutResult result = PutOne(store, series_, i, double(i));
      if (result.outcome == PutResult::kDuplicate) continue;
      EXPECT_EQ(result.outcome, PutResult::kRefused);
      ExpectLoss(result.status);
      ++lost;
    }
    return lost;
  }

  static void ExpectLoss(const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("restore a backup")));
  }

  SeriesId series_{0};
};

TEST_F(DamageTest, WithoutDamageThereIsNone) {
  Fill();
  EXPECT_EQ(AskEverything(), 0);
  EXPECT_OK(VerifyDatabase(path() + "/db"));
}

// Damage that RocksDB's own checksums do not detect: each byte of each row's value.
TEST_F(DamageTest, EachByteOfEachRowIsChecked) {
  Fill();
  for (const auto& [key, value] : Rows()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      std::string damaged = value;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      Put(key, damaged);
      EXPECT_GT(AskEverything(), 0) << Describe(key) << ", byte " << i;
      EXPECT_TRUE(absl::IsDataLoss(VerifyDatabase(path() + "/db")));
    }
    Put(key, value);
  }
  EXPECT_EQ(AskEverything(), 0);
}

TEST_F(DamageTest, TruncatedAndSwappedRowsAreDetected) {
  Fill();
  const auto rows = Rows();
  for (const auto& [key, value] : rows) {
    for (std::size_t size = 0; size < value.size(); ++size) {
      Put(key, value.substr(0, size));
      EXPECT_GT(AskEverything(), 0) << Describe(key) << " cut to " << size;
    }
    for (const auto& [other, others_value] : rows) {
      if (other == key) continue;
      Put(key, others_value);
      EXPECT_GT(AskEverything(), 0) << Describe(key) << " is " << Describe(other);
    }
    Put(key, value);
  }
}

TEST_F(DamageTest, ErrorNamesTheSessionAndTheRecord) {
  Fill();
  const ObservedKey key = MakeObservedKey(RunId{NumberAt(Rows().rbegin()->first, 1)}, series_, 3);
  std::string found;
  for (const auto& [row, value] : Rows()) {
    if (row[0] == 'o' && IndexIn(row) == 3) found = row;
  }
  ASSERT_EQ(found.size(), key.size());
  Put(found, "no row");
  Open();
  const auto reader = store_->Read(series_, 3);
  ASSERT_OK(reader);
  SeriesReader::Entry entry;
  EXPECT_THAT((*reader)->Next(entry),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("session runs/r/sessions/layer/input"),
                             HasSubstr("record 3"), HasSubstr("send its batches again"))));
  // Resets the session, as the message says.
  const SeriesId again = *store_->ResetSession(series_);
  EXPECT_EQ(PutOne(*store_, again, 3, 3).outcome, PutResult::kStored);
  EXPECT_EQ(IndicesOf(*store_, again), (std::vector<BatchIndex>{3}));
}

// A directory in which a level has many tables, as in a large one. If such a table cannot be read,
// RocksDB 7.8 may treat it as the end of the level: facebook/rocksdb#11782.
class ManyTablesTest : public DamageTest {
 protected:
  static constexpr BatchIndex kLength = 150;
  static constexpr int kSessions = 24;

  void SetUp() override {
    options_.table_bytes = std::size_t{24} << 10;
    Open();
    for (int i = 0; i < kSessions; ++i) {
      const SeriesId series =
          *store_->CreateSession(MakeIdentity("r", "layer." + std::to_string(i) + "/input"));
      std::vector<NewRecord> records;
      for (BatchIndex k = 0; k < kLength; ++k) {
        records.push_back(MakeNew(series, k, double(k)));
      }
      store_->PutIfAbsent(records);
    }
    store_.reset();
    rocksdb::Options options;
    options.target_file_size_base = options_.table_bytes;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, path() + "/db", &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    rocksdb::CompactRangeOptions written_anew;
    written_anew.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    ASSERT_TRUE(db->CompactRange(written_anew, nullptr, nullptr).ok());
  }

  // Sends the record again while the refusal asks for it, for a few seconds.
  PutResult PutUnlessForTheMoment(SeriesId series, BatchIndex index) {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    PutResult result;
    do {
      result = PutOne(*store_, series, index, double(index));
    } while (absl::IsUnavailable(result.status) && absl::Now() < deadline);
    return result;
  }

  std::vector<std::string> Tables() const {
    std::vector<std::string> tables;
    for (const std::string& name : testing::NamesIn(path() + "/db")) {
      if (name.ends_with(".sst")) tables.push_back("/db/" + name);
    }
    return tables;
  }

  // True if a server on the directory reports a loss. Otherwise all records must be there.
  static bool SaysLoss(const std::string& directory) {
    const auto opened = RocksdbStore::Open({.directory = directory});
    if (!opened.ok()) {
      ExpectLoss(opened.status());
      return true;
    }
    bool lost = false;
    const auto sessions = SessionsOf(**opened);
    EXPECT_EQ(sessions.size(), std::size_t{kSessions});
    for (const auto& [name, session] : sessions) {
      const auto reader = (*opened)->Read(session.series, 0);
      SeriesReader::Entry entry;
      BatchIndex next = 0;
      absl::StatusOr<bool> more = (*reader)->Next(entry);
      for (; more.ok() && *more; more = (*reader)->Next(entry)) EXPECT_EQ(entry.index, next++);
      if (more.ok()) {
        EXPECT_EQ(next, kLength) << name;
      } else {
        ExpectLoss(more.status());
        lost = true;
      }
    }
    return lost;
  }
};

TEST_F(ManyTablesTest, UnreadableTableIsReportedAsDataLoss) {
  const std::vector<std::string> tables = Tables();
  ASSERT_GT(tables.size(), 5U);
  int losses = 0;
  for (const std::string& table : tables) {
    const std::string content = testing::ReadFile(path() + table);
    // In the first block, in a later block, and behind the blocks.
    for (const std::size_t at :
         {std::size_t{100}, content.size() / 2, content.size() - 1500, content.size() - 300}) {
      const testing::TempDirectory copy;
      std::filesystem::copy(path(), copy.path(), std::filesystem::copy_options::recursive);
      std::string damaged = content;
      damaged[at] = static_cast<char>(damaged[at] ^ 4);
      testing::WriteFile(copy.path() + table, damaged);
      const bool lost = SaysLoss(copy.path());
      losses += lost ? 1 : 0;
      EXPECT_TRUE(!lost || absl::IsDataLoss(VerifyDatabase(copy.path() + "/db")))
          << table << " byte " << at;
    }
  }
  EXPECT_GT(losses, static_cast<int>(tables.size()));
}

// Whatever a merge meets, undamaged sessions accept records. The damaged session reports the damage
// when its records are read, until it is reset.
TEST_F(ManyTablesTest, MergeThatMeetsDamageStopsNobodyElse) {
  const std::string table = path() + Tables()[1];
  std::string content = testing::ReadFile(table);
  content[100] = static_cast<char>(content[100] ^ 4);
  testing::WriteFile(table, content);
  // Each start of the store leaves a table, and six tables are merged.
  for (BatchIndex life = 0; life < 6; ++life) {
    Open();
    std::vector<SeriesId> damaged;
    for (const auto& [name, session] : SessionsOf(*store_)) {
      const PutResult result = PutUnlessForTheMoment(session.series, kLength + life);
      if (result.outcome != PutResult::kStored) ExpectLoss(result.status);
      const auto reader = store_->Read(session.series, 0);
      ASSERT_OK(reader);
      SeriesReader::Entry entry;
      absl::StatusOr<bool> more = true;
      while (more.ok() && *more) more = (*reader)->Next(entry);
      if (more.ok()) {
        EXPECT_EQ(result.outcome, PutResult::kStored) << name;
        continue;
      }
      ExpectLoss(more.status());
      damaged.push_back(session.series);
    }
    EXPECT_FALSE(damaged.empty()) << life;
    EXPECT_LT(damaged.size(), 5U) << life;
    if (life == 5) {
      for (const SeriesId series : damaged) {
        const auto again = store_->ResetSession(series);
        ASSERT_OK(again);
        EXPECT_EQ(PutOne(*store_, *again, 0, 0).outcome, PutResult::kStored);
      }
    }
    store_.reset();
  }
}

// The directory of a killed server, whose writes are in the log.
class KilledTest : public DamageTest {
 protected:
  void FillAndKill() {
    Open();
    series_ = *store_->CreateSession(MakeIdentity("r"));
    for (BatchIndex i = 0; i < kFilled; ++i) {
      PutOne(*store_, series_, i, double(i));
      sizes_.push_back(std::filesystem::file_size(Log()));
    }
    std::filesystem::copy(path(), killed_.path(), std::filesystem::copy_options::recursive);
    log_ = killed_.path() + "/db/" + std::filesystem::path(Log()).filename().string();
    store_.reset();
  }

  std::string Log() const {
    std::string log;
    for (const std::string& name : testing::NamesIn(path() + "/db")) {
      const std::string file = path() + "/db/" + name;
      if (name.ends_with(".log") && std::filesystem::file_size(file) > 0) log = file;
    }
    return log;
  }

  // A copy of the killed server's directory, with this content as its log.
  std::unique_ptr<testing::TempDirectory> WithLog(const std::string& content) const {
    auto copy = std::make_unique<testing::TempDirectory>();
    std::filesystem::copy(killed_.path(), copy->path(), std::filesystem::copy_options::recursive);
    testing::WriteFile(copy->path() + "/db/" + std::filesystem::path(log_).filename().string(),
                       content);
    return copy;
  }

  testing::TempDirectory killed_;
  std::string log_;
  // Size of the log after each record.
  std::vector<std::size_t> sizes_;
};

TEST_F(KilledTest, TornWriteIsDroppedAndEarlierRecordsAreKept) {
  FillAndKill();
  const std::string log = testing::ReadFile(log_);
  ASSERT_EQ(log.size(), sizes_.back());
  for (std::size_t size = sizes_.front(); size <= log.size(); ++size) {
    const auto copy = WithLog(log.substr(0, size));
    const auto store = RocksdbStore::Open({.directory = copy->path()});
    ASSERT_OK(store) << size;
    const auto whole = std::count_if(sizes_.begin(), sizes_.end(),
                                     [size](std::size_t end) { return end <= size; });
    EXPECT_EQ(IndicesOf(**store, series_).size(), std::size_t(whole)) << size;
    // The next record is kept: it is not written behind the torn write.
    EXPECT_EQ(PutOne(**store, series_, 9, 9).outcome, PutResult::kStored);
    const auto again = [&] {
      testing::TempDirectory killed_again;
      std::filesystem::copy(copy->path(), killed_again.path(),
                            std::filesystem::copy_options::recursive);
      const auto opened = RocksdbStore::Open({.directory = killed_again.path()});
      EXPECT_OK(opened);
      return IndicesOf(**opened, series_);
    }();
    EXPECT_EQ(again.size(), std::size_t(whole) + 1) << size;
  }
}

TEST_F(KilledTest, EachBitOfTheLogIsChecked) {
  FillAndKill();
  const std::string log = testing::ReadFile(log_);
  for (std::size_t i = 0; i < log.size(); ++i) {
    std::string damaged = log;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i * 5 % 8)));
    const auto copy = WithLog(damaged);
    const auto store = RocksdbStore::Open({.directory = copy->path()});
    EXPECT_THAT(store, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("backup"))) << i;
  }
}

TEST_F(KilledTest, EachBitOfALogsHeadersIsChecked) {
  FillAndKill();
  const std::string log = testing::ReadFile(log_);
  std::vector<std::size_t> headers = {0};
  headers.insert(headers.end(), sizes_.begin(), sizes_.end() - 1);
  for (const std::size_t header : headers) {
    for (std::size_t bit = 0; bit < 7 * 8; ++bit) {
      std::string damaged = log;
      char& byte = damaged[header + bit / 8];
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
      const auto copy = WithLog(damaged);
      EXPECT_THAT(RocksdbStore::Open({.directory = copy->path()}),
                  StatusIs(absl::StatusCode::kDataLoss, HasSubstr("backup")))
          << header << " " << bit;
    }
  }
}

TEST_F(KilledTest, EachBitOfTheManifestIsCheckedOrHarmless) {
  FillAndKill();
  std::string manifest;
  for (const std::string& name : testing::NamesIn(killed_.path() + "/db")) {
    if (name.starts_with("MANIFEST")) manifest = "/db/" + name;
  }
  const std::string content = testing::ReadFile(killed_.path() + manifest);
  for (std::size_t i = 0; i < content.size(); ++i) {
    const testing::TempDirectory copy;
    std::filesystem::copy(killed_.path(), copy.path(), std::filesystem::copy_options::recursive);
    std::string damaged = content;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i * 5 % 8)));
    testing::WriteFile(copy.path() + manifest, damaged);
    const auto store = RocksdbStore::Open({.directory = copy.path()});
    if (store.ok()) {
      EXPECT_EQ(IndicesOf(**store, series_).size(), std::size_t(kFilled)) << i;
    } else {
      EXPECT_TRUE(absl::IsDataLoss(store.status())) << i << " " << store.status();
    }
  }
}

}  // namespace
}  // namespace calipers::server
