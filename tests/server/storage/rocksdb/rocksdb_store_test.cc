#include "server/storage/rocksdb/rocksdb_store.h"

#include <gtest/gtest.h>

#include <fstream>

#include "rocksdb/db.h"
#include "server/storage/rocksdb/keys.h"
#include "tests/server/storage/rocksdb/rocksdb_fixture.h"
#include "tests/server/storage/store_contract.h"

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

template <Durability kDurability>
class RocksdbHolder {
 public:
  RocksdbHolder()
      : store_(*RocksdbStore::Open({.directory = directory_.path(), .durability = kDurability})) {}
  Store& store() { return *store_; }
  Store& another() { return *store_; }

 private:
  testing::TempDirectory directory_;
  std::unique_ptr<Store> store_;
};
using Holders = ::testing::Types<RocksdbHolder<Durability::kSync>, RocksdbHolder<Durability::kOs>,
                                 RocksdbHolder<Durability::kNone>>;
INSTANTIATE_TYPED_TEST_SUITE_P(Rocksdb, StoreContract, Holders);

class RocksdbStoreTest : public testing::RocksdbTest {};
class EveryDurability : public RocksdbStoreTest, public ::testing::WithParamInterface<Durability> {
 protected:
  EveryDurability() { options_.durability = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(All, EveryDurability,
                         ::testing::Values(Durability::kSync, Durability::kOs, Durability::kNone));

TEST_P(EveryDurability, ReopeningKeepsEverything) {
  Open();
  const SeriesId whole = *store_->CreateSession(MakeIdentity("a"));
  const SeriesId folded = *store_->CreateSession(MakeIdentity("b"));
  const SeriesId gone = *store_->CreateSession(MakeIdentity("b", "gone/input"));
  for (BatchIndex i = 0; i < 20; ++i) {
    for (const SeriesId series : {whole, folded, gone}) PutOne(*store_, series, i, double(i));
  }
  EXPECT_OK(store_->Seal(whole, 20));
  EXPECT_OK(store_->WriteCheckpoint(folded, {7, "state"}, true));
  EXPECT_OK(store_->DeleteSession(gone));
  Reopen();
  const auto sessions = SessionsOf(*store_);
  ASSERT_EQ(sessions.size(), 2U);
  const StoredSession& session = sessions.at("runs/a/sessions/layer/input");
  EXPECT_EQ(session.series, whole);
  EXPECT_EQ(session.sealed_count, 20);
  EXPECT_EQ(session.identity->spec, MakeIdentity("a")->spec);
  EXPECT_EQ(session.identity->create_time, MakeIdentity("a")->create_time);
  EXPECT_EQ(sessions.at("runs/b/sessions/layer/input").sealed_count, std::nullopt);
  for (const SeriesId series : {whole, folded}) {
    const auto records = ReadSeries(*store_, series);
    ASSERT_EQ(records.size(), 20U);
    for (const auto& [index, observed] : records) {
      const auto given = MakeObserved(double(index));
      const bool dropped = series == folded && index < 7;
      EXPECT_TRUE(Same(*observed, dropped ? *given->WithoutValues() : *given));
    }
  }
  EXPECT_EQ((*store_->ReadCheckpoint(folded))->state, "state");
  EXPECT_EQ(*store_->ReadCheckpoint(whole), std::nullopt);
  EXPECT_EQ(PutOne(*store_, folded, 3, 3).outcome, PutResult::kDuplicate);
  EXPECT_EQ(PutOne(*store_, folded, 3, 4).outcome, PutResult::kConflict);
  EXPECT_EQ(PutOne(*store_, folded, 12, 12).outcome, PutResult::kDuplicate);
  EXPECT_EQ(PutOne(*store_, folded, std::nullopt, 5).index, 20);
  EXPECT_EQ(PutOne(*store_, whole, 20, 5).outcome, PutResult::kRefused);
  EXPECT_TRUE(absl::IsNotFound(PutOne(*store_, gone, 0, 0).status));
}

TEST_P(EveryDurability, IdsAreNeverUsedAgain) {
  SeriesId last{0};
  for (int life = 0; life < 5; ++life) {
    Open();
    for (int i = 0; i < 3; ++i) {
      const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
      EXPECT_GT(series, last);
      last = series;
      EXPECT_OK(store_->DeleteSession(series));
    }
    store_.reset();
  }
}

TEST_P(EveryDurability, RunThatIsCreatedAgainHasNothingOfTheOneBefore) {
  for (int life = 0; life < 3; ++life) {
    Reopen();
    const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
    EXPECT_TRUE(IndicesOf(*store_, series).empty());
    EXPECT_EQ(*store_->ReadCheckpoint(series), std::nullopt);
    EXPECT_EQ(PutOne(*store_, series, 0, life).outcome, PutResult::kStored);
    EXPECT_EQ(PutOne(*store_, series, 10 + life, life).outcome, PutResult::kStored);
    EXPECT_OK(store_->WriteCheckpoint(series, {1, "state"}, life % 2 == 0));
    Reopen();
    EXPECT_EQ(IndicesOf(*store_, series), (std::vector<BatchIndex>{0, 10 + life}));
    EXPECT_OK(store_->DeleteRun(*RunName::Parse("runs/r")));
    Reopen();
    EXPECT_TRUE(SessionsOf(*store_).empty());
  }
}

TEST_F(RocksdbStoreTest, WaitsForItsDevice) {
  Open();
  EXPECT_FALSE(store_->IsImmediate());
}

TEST_F(RocksdbStoreTest, ResetSeriesIsResetAfterReopening) {
  Open();
  const SeriesId first = *store_->CreateSession(MakeIdentity("r"));
  PutOne(*store_, first, 0, 1);
  EXPECT_OK(store_->Seal(first, 1));
  const SeriesId second = *store_->ResetSession(first);
  PutOne(*store_, second, 4, 2);
  Reopen();
  const auto sessions = SessionsOf(*store_);
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_EQ(sessions.begin()->second.series, second);
  EXPECT_EQ(sessions.begin()->second.sealed_count, std::nullopt);
  EXPECT_EQ(IndicesOf(*store_, second), (std::vector<BatchIndex>{4}));
}

TEST_F(RocksdbStoreTest, SaysWhatFormatTheDirectoryHas) {
  Open();
  store_.reset();
  EXPECT_EQ(testing::ReadFile(path() + "/FORMAT"), "calipers 3\n");
}

TEST_F(RocksdbStoreTest, OlderFormatBecomesTheNewOne) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  PutOne(*store_, series, 0, 1);
  store_.reset();
  testing::WriteFile(path() + "/FORMAT", "calipers 2\n");
  Open();
  EXPECT_EQ(IndicesOf(*store_, series), (std::vector<BatchIndex>{0}));
  store_.reset();
  EXPECT_EQ(testing::ReadFile(path() + "/FORMAT"), "calipers 3\n");
}

TEST_F(RocksdbStoreTest, OlderFormatStaysIfTheDatabaseCannotBeRead) {
  Open();
  store_.reset();
  testing::WriteFile(path() + "/FORMAT", "calipers 2\n");
  testing::WriteFile(path() + "/db/CURRENT", "no manifest\n");
  EXPECT_FALSE(RocksdbStore::Open(options_).ok());
  EXPECT_EQ(testing::ReadFile(path() + "/FORMAT"), "calipers 2\n");
}

TEST_F(RocksdbStoreTest, RefusesAnotherFormat) {
  Open();
  store_.reset();
  testing::WriteFile(path() + "/FORMAT", "calipers 12\n");
  EXPECT_THAT(
      RocksdbStore::Open(options_),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("newer Calipers"), HasSubstr("12"), HasSubstr("formats 2 to 3"))));
  testing::WriteFile(path() + "/FORMAT", "calipers 1\n");
  EXPECT_THAT(RocksdbStore::Open(options_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("older Calipers"), HasSubstr("formats 2 to 3"))));
}

TEST_F(RocksdbStoreTest, RefusesAMalformedFormatFile) {
  Open();
  store_.reset();
  for (const char* text : {"", "calipers\n", "calipers 3", "calipers 0\n", "calipers -1\n",
                           "calipers +3\n", "calipers  3\n", "calipers 3\n\n", "calipers one\n",
                           "salipers 2\n", "calipers 99999999999999\n"}) {
    testing::WriteFile(path() + "/FORMAT", text);
    EXPECT_THAT(RocksdbStore::Open(options_),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORMAT")))
        << text;
  }
}

TEST_F(RocksdbStoreTest, RefusesADirectoryThatIsSomeoneElses) {
  std::filesystem::create_directories(path());
  testing::WriteFile(path() + "/thesis.tex", "\\documentclass{book}");
  EXPECT_THAT(RocksdbStore::Open(options_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("thesis.tex")));
  EXPECT_EQ(testing::NamesIn(path()), (std::set<std::string>{"thesis.tex"}));
}

TEST_F(RocksdbStoreTest, OpensADirectoryAfterAnInterruptedStart) {
  std::filesystem::create_directories(path() + "/lost+found");
  testing::WriteFile(path() + "/LOCK", "");
  testing::WriteFile(path() + "/FORMAT.tmp", "cali");
  Open();
  store_.reset();
  // A directory with FORMAT, but without a database.
  std::filesystem::remove_all(path() + "/db");
  Open();
}

TEST_F(RocksdbStoreTest, RefusesADatabaseWithoutCurrent) {
  Open();
  PutOne(*store_, *store_->CreateSession(MakeIdentity("r")), 0, 1);
  store_.reset();
  std::filesystem::remove(path() + "/db/CURRENT");
  EXPECT_THAT(RocksdbStore::Open(options_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("restore a backup")));
}

TEST_F(RocksdbStoreTest, RefusesADirectoryInUse) {
  Open();
  EXPECT_THAT(RocksdbStore::Open(options_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another server")));
  // The store that has the directory open continues to work.
  EXPECT_OK(store_->CreateSession(MakeIdentity("r")));
}

TEST_F(RocksdbStoreTest, SeriesMayBeFarLargerThanTheCache) {
  options_.cache_bytes = std::size_t{64} << 10;
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  constexpr BatchIndex kRecords = 60'000;
  const auto worker = std::make_shared<const std::string>("w0");
  for (BatchIndex begin = 0; begin < kRecords; begin += 1000) {
    std::vector<NewRecord> records;
    for (BatchIndex i = begin; i < begin + 1000; ++i) {
      records.push_back(MakeNew(series, i, double(i)));
    }
    for (const PutResult& result : store_->PutIfAbsent(records)) {
      ASSERT_EQ(result.outcome, PutResult::kStored);
    }
  }
  Reopen();
  const auto reader = store_->Read(series, 0);
  ASSERT_OK(reader);
  SeriesReader::Entry entry;
  for (BatchIndex i = 0; i < kRecords; ++i) {
    ASSERT_TRUE(*(*reader)->Next(entry));
    ASSERT_EQ(entry.index, i);
    ASSERT_TRUE(Same(*entry.observed, *MakeObserved(double(i))));
  }
  EXPECT_FALSE(*(*reader)->Next(entry));
  EXPECT_EQ(PutOne(*store_, series, std::nullopt, 1).index, kRecords);
}

TEST_F(RocksdbStoreTest, DropsTheValuesOfALongPrefix) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  // More than a single write takes.
  constexpr BatchIndex kRecords = 100;
  std::vector<std::byte> values(std::size_t{100} << 10);
  const Record record =
      *Record::Make(Dtype::kF32, 1, values, values, absl::MakeSpan(values).first(4),
                    absl::MakeSpan(values).first(4));
  for (BatchIndex i = 0; i < kRecords; ++i) {
    const NewRecord one{
        series, i, SeriesRecord::Make(record, {1}, std::make_shared<const std::string>("w")), {1}};
    ASSERT_EQ(store_->PutIfAbsent({&one, 1})[0].outcome, PutResult::kStored);
  }
  EXPECT_OK(store_->WriteCheckpoint(series, {kRecords - 1, "state"}, true));
  Reopen();
  for (const auto& [index, observed] : ReadSeries(*store_, series)) {
    EXPECT_EQ(observed->dropped, index < kRecords - 1);
  }
}

}  // namespace
}  // namespace calipers::server
