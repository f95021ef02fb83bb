#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <tuple>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/server/storage/rocksdb/faulty_files.h"
#include "tests/server/storage/rocksdb/rocksdb_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::FaultyFiles;
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
using What = FaultyFiles::What;

// Rejected at the write or before it: after a failure, the store reads the series' indices again.
bool WasRejected(const PutResult& result) {
  return result.outcome == PutResult::kUncertain || result.outcome == PutResult::kRefused;
}

class FaultTest : public testing::RocksdbTest {
 protected:
  FaultTest() { options_.file_system = files_; }

  // The records that a server would find after a kill now.
  std::set<BatchIndex> AfterAKillNow(SeriesId series) {
    const testing::TempDirectory copy;
    // RocksDB continues to write. The copy is consistent if nothing changed during the copying.
    constexpr auto kOptions = std::filesystem::copy_options::recursive;
    std::map<std::string, std::uintmax_t> before;
    do {
      std::filesystem::remove_all(copy.path());
      before = Files();
      std::error_code vanished;
      std::filesystem::copy(path(), copy.path(), kOptions, vanished);
    } while (Files() != before);
    const auto store =
        RocksdbStore::Open({.directory = copy.path(), .durability = options_.durability});
    EXPECT_OK(store);
    if (!store.ok()) return {};
    return Holds(**store, series);
  }

  // All files and their sizes.
  std::map<std::string, std::uintmax_t> Files() const {
    std::map<std::string, std::uintmax_t> files;
    std::error_code vanished;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path(), vanished)) {
      files[entry.path()] = entry.is_regular_file(vanished) ? entry.file_size(vanished) : 0;
    }
    return files;
  }

  // The indices of the series. Checks the records' values.
  static std::set<BatchIndex> Holds(Store& store, SeriesId series) {
    std::set<BatchIndex> indices;
    for (const auto& [index, observed] : ReadSeries(store, series)) {
      EXPECT_TRUE(Same(*observed, *MakeObserved(double(index)))) << index;
      indices.insert(index);
    }
    return indices;
  }

  // Repeats the put until the store accepts writes again.
  PutResult PutUntilTaken(SeriesId series, BatchIndex index) {
    const absl::Time deadline = absl::Now() + absl::Seconds(5);
    PutResult result;
    do {
      result = PutOne(*store_, series, index, double(index));
    } while (WasRejected(result) && absl::Now() < deadline);
    return result;
  }

  const std::shared_ptr<FaultyFiles> files_ = std::make_shared<FaultyFiles>();
};

using Fault = std::tuple<Durability, What, int>;
class LogFaultTest : public FaultTest, public ::testing::WithParamInterface<Fault> {};
const auto kWhen = ::testing::Values(0, 1, 2, 7);
INSTANTIATE_TEST_SUITE_P(Synced, LogFaultTest,
                         ::testing::Combine(::testing::Values(Durability::kSync),
                                            ::testing::Values(What::kAppend, What::kShortAppend,
                                                              What::kFullDisk, What::kSync),
                                            kWhen));
INSTANTIATE_TEST_SUITE_P(Unsynced, LogFaultTest,
                         ::testing::Combine(::testing::Values(Durability::kOs),
                                            ::testing::Values(What::kAppend, What::kShortAppend,
                                                              What::kFullDisk),
                                            kWhen));

TEST_P(LogFaultTest, StoreHoldsExactlyTheAcknowledgedRecords) {
  const auto& [durability, what, after] = GetParam();
  options_.durability = durability;
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  // Starts with an empty log, which RocksDB does not replace by another log.
  Reopen();
  files_->Fail(what, ".log", after, 1);
  std::set<BatchIndex> acknowledged;
  for (BatchIndex i = 0; i < 10; ++i) {
    const PutResult result = PutOne(*store_, series, i, double(i));
    if (result.outcome == PutResult::kStored) {
      acknowledged.insert(i);
      continue;
    }
    EXPECT_TRUE(WasRejected(result));
    EXPECT_EQ(result.status.code(), what == What::kFullDisk ? absl::StatusCode::kResourceExhausted
                                                            : absl::StatusCode::kUnavailable)
        << result.status;
    // A rejected record may exist after a kill. All other records must be correct.
    std::set<BatchIndex> found = AfterAKillNow(series);
    found.erase(i);
    EXPECT_EQ(found, acknowledged);
    // Reads still work, and do not return the rejected record.
    EXPECT_EQ(Holds(*store_, series), acknowledged);
    // The write had no effect: the record is stored when it is sent again.
    EXPECT_EQ(PutUntilTaken(series, i).outcome, PutResult::kStored);
    acknowledged.insert(i);
    EXPECT_EQ(AfterAKillNow(series), acknowledged);
  }
  EXPECT_TRUE(files_->done());
  EXPECT_EQ(acknowledged.size(), 10U);
  EXPECT_EQ(Holds(*store_, series), acknowledged);
  EXPECT_EQ(AfterAKillNow(series), acknowledged);
  Reopen();
  EXPECT_EQ(Holds(*store_, series), acknowledged);
}

TEST_P(LogFaultTest, RefusedRecordIsGoneIfNobodySendsItAgain) {
  const auto& [durability, what, after] = GetParam();
  options_.durability = durability;
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  Reopen();
  files_->Fail(what, ".log", after, 1);
  std::set<BatchIndex> acknowledged;
  for (BatchIndex i = 0; i < 10; ++i) {
    if (PutOne(*store_, series, i, double(i)).outcome == PutResult::kStored) acknowledged.insert(i);
  }
  EXPECT_EQ(acknowledged.size(), 9U);
  EXPECT_EQ(Holds(*store_, series), acknowledged);
  Reopen();
  EXPECT_EQ(Holds(*store_, series), acknowledged);
}

TEST_F(FaultTest, AnswersThatRestOnAFailedBatchAreRefused) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  PutOne(*store_, series, 0, 0);
  files_->Fail(What::kSync, ".log", 0, 1);
  const std::vector<NewRecord> records = {MakeNew(series, 0, 0), MakeNew(series, 0, 5),
                                          MakeNew(series, 1, 1), MakeNew(series, 1, 1),
                                          MakeNew(series, 1, 2), MakeNew(series, {}, 3)};
  const auto results = store_->PutIfAbsent(records);
  EXPECT_EQ(results[0].outcome, PutResult::kDuplicate);
  EXPECT_EQ(results[1].outcome, PutResult::kConflict);
  for (std::size_t i = 2; i < 6; ++i) {
    EXPECT_EQ(results[i].outcome, PutResult::kUncertain) << i;
    EXPECT_EQ(results[i].index, i < 5 ? 1 : -1);
    EXPECT_TRUE(absl::IsUnavailable(results[i].status));
  }
  // The same puts on a working device.
  PutUntilTaken(series, 9);
  const auto again = store_->PutIfAbsent(records);
  EXPECT_EQ(again[2].outcome, PutResult::kStored);
  EXPECT_EQ(again[3].outcome, PutResult::kDuplicate);
  EXPECT_EQ(again[4].outcome, PutResult::kConflict);
  EXPECT_EQ(again[5].index, 10);
}

TEST_F(FaultTest, DiskThatStaysFullIsReadAndSaysWhatToDo) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  PutOne(*store_, series, 0, 0);
  files_->Fail(What::kFullDisk, "", 0, 1'000'000);
  for (int i = 0; i < 100; ++i) {
    const PutResult result = PutOne(*store_, series, 1, 1);
    ASSERT_TRUE(WasRejected(result));
    ASSERT_THAT(result.status,
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("free space")));
  }
  EXPECT_EQ(Holds(*store_, series), (std::set<BatchIndex>{0}));
  EXPECT_EQ(PutOne(*store_, series, 0, 0).outcome, PutResult::kDuplicate);
  EXPECT_EQ(store_->CreateSession(MakeIdentity("s")).status().code(),
            absl::StatusCode::kResourceExhausted);
  files_->Heal();
  EXPECT_EQ(PutUntilTaken(series, 1).outcome, PutResult::kStored);
  EXPECT_EQ(Holds(*store_, series), (std::set<BatchIndex>{0, 1}));
}

TEST_F(FaultTest, CallThatFailsChangesNothing) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  PutOne(*store_, series, 0, 0);
  PutOne(*store_, series, 1, 1);
  const auto fails = [&](auto call) {
    files_->Fail(What::kSync, ".log", 0, 1);
    EXPECT_TRUE(absl::IsUnavailable(call()));
    // The next put makes the store try the device again, and undoes the last write.
    PutUntilTaken(series, 2);
    Reopen();
    const auto sessions = SessionsOf(*store_);
    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_EQ(sessions.begin()->second.series, series);
    EXPECT_EQ(sessions.begin()->second.sealed_count, std::nullopt);
    EXPECT_EQ(Holds(*store_, series), (std::set<BatchIndex>{0, 1, 2}));
  };
  fails([&] { return store_->CreateSession(MakeIdentity("s")).status(); });
  fails([&] { return store_->CreateSession(MakeIdentity("r", "other/input")).status(); });
  fails([&] { return store_->ResetSession(series).status(); });
  fails([&] { return store_->DeleteSession(series); });
  fails([&] { return store_->DeleteRun(*RunName::Parse("runs/r")); });
  fails([&] { return store_->Seal(series, std::nullopt).status(); });
}

TEST_F(FaultTest, SessionCanBeCreatedAfterItsCreationFailed) {
  Open();
  const SeriesId other = *store_->CreateSession(MakeIdentity("q"));
  files_->Fail(What::kSync, ".log", 0, 1);
  EXPECT_FALSE(store_->CreateSession(MakeIdentity("r")).ok());
  PutUntilTaken(other, 0);
  EXPECT_OK(store_->CreateSession(MakeIdentity("r", "second/input")));
  EXPECT_OK(store_->CreateSession(MakeIdentity("r")));
  Reopen();
  EXPECT_EQ(SessionsOf(*store_).size(), 3U);
}

TEST_F(FaultTest, StoreRecoversFromAFailedTableWrite) {
  for (const What what : {What::kAppend, What::kFullDisk, What::kSync}) {
    Open();
    const SeriesId series =
        *store_->CreateSession(MakeIdentity("r" + std::to_string(static_cast<int>(what))));
    for (BatchIndex i = 0; i < 5; ++i) PutOne(*store_, series, i, double(i));
    files_->Fail(what, ".sst", 0, 1);
    EXPECT_FALSE(store_->CreateBackup("b" + std::to_string(static_cast<int>(what))).ok());
    EXPECT_EQ(PutUntilTaken(series, 5).outcome, PutResult::kStored);
    EXPECT_EQ(Holds(*store_, series), (std::set<BatchIndex>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(AfterAKillNow(series), (std::set<BatchIndex>{0, 1, 2, 3, 4, 5}));
    EXPECT_OK(store_->CreateBackup("b" + std::to_string(static_cast<int>(what))));
    store_.reset();
  }
}

TEST_F(FaultTest, OldReaderReturnsUnavailableAfterReopening) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  for (BatchIndex i = 0; i < 5; ++i) PutOne(*store_, series, i, double(i));
  const auto reader = store_->Read(series, 0);
  ASSERT_OK(reader);
  SeriesReader::Entry entry;
  EXPECT_TRUE(*(*reader)->Next(entry));
  files_->Fail(What::kSync, ".log", 0, 1);
  EXPECT_EQ(PutOne(*store_, series, 5, 5).outcome, PutResult::kUncertain);
  // Only after the database is opened again.
  EXPECT_TRUE(*(*reader)->Next(entry));
  EXPECT_EQ(PutUntilTaken(series, 5).outcome, PutResult::kStored);
  EXPECT_THAT((*reader)->Next(entry),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ask again")));
}

TEST_F(FaultTest, WithoutALogAFailureLosesNothingThatTheProcessKnows) {
  options_.durability = Durability::kNone;
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  for (BatchIndex i = 0; i < 5; ++i) PutOne(*store_, series, i, double(i));
  files_->Fail(What::kFullDisk, ".sst", 0, 1);
  EXPECT_FALSE(store_->CreateBackup("b").ok());
  EXPECT_EQ(PutUntilTaken(series, 5).outcome, PutResult::kStored);
  EXPECT_EQ(Holds(*store_, series), (std::set<BatchIndex>{0, 1, 2, 3, 4, 5}));
  Reopen();
  EXPECT_EQ(Holds(*store_, series), (std::set<BatchIndex>{0, 1, 2, 3, 4, 5}));
}

}  // namespace
}  // namespace calipers::server
