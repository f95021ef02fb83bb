// The facts of a series after the store was opened again.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "rocksdb/db.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/live_series.h"
#include "server/storage/rows.h"
#include "tests/server/storage/rocksdb/faulty_files.h"
#include "tests/server/storage/rocksdb/rocksdb_fixture.h"

namespace calipers::server {
namespace {

using calipers::testing::FaultyFiles;
using calipers::testing::MakeIdentity;
using calipers::testing::MakeNew;
using calipers::testing::MakeObserved;
using calipers::testing::PutOne;
using calipers::testing::ReadSeries;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

constexpr BatchIndex kARow = kRecordsBetweenFactsRows;

class FactsTest : public testing::RocksdbTest {
 protected:
  std::unique_ptr<rocksdb::DB> OpenRows() {
    rocksdb::DB* db = nullptr;
    EXPECT_TRUE(rocksdb::DB::Open({}, path() + "/db", &db).ok());
    return std::unique_ptr<rocksdb::DB>(db);
  }

  // The keys of this kind in a directory that no store has open.
  std::vector<std::string> KeysOf(RowKind kind) {
    const auto db = OpenRows();
    std::vector<std::string> keys;
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator({}));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (it->key()[0] == static_cast<char>(kind)) keys.push_back(it->key().ToString());
    }
    return keys;
  }

  // Makes the directory that of an earlier server, which wrote no rows of facts.
  void DropRowsOfFacts() {
    store_.reset();
    const std::vector<std::string> keys = KeysOf(RowKind::kFacts);
    const auto db = OpenRows();
    for (const std::string& key : keys) EXPECT_TRUE(db->Delete({}, key).ok());
  }

  void Put(SeriesId series, BatchIndex index) {
    const NewRecord record{
        series, index, MakeObserved(double(index), absl::StrCat("w", index % 3)), {1}};
    ASSERT_EQ(store_->PutIfAbsent({&record, 1})[0].outcome, PutResult::kStored);
  }

  // Damages these rows, of which there must be `count`.
  void Overwrite(const std::vector<std::string>& keys, std::int64_t count) {
    ASSERT_EQ(static_cast<std::int64_t>(keys.size()), count);
    const auto db = OpenRows();
    for (const std::string& key : keys) EXPECT_TRUE(db->Put({}, key, "damaged").ok());
  }

  // The checkpoint that a session would write for its first records.
  Checkpoint CheckpointOf(SeriesId series, BatchIndex end) {
    SeriesState state;
    for (const auto& [index, observed] : ReadSeries(*store_, series)) {
      if (index < end) state.coverage.Add({}, *observed);
    }
    state.dtype = Dtype::kF32;
    state.qparam_shape = {1};
    return {end, EncodeState(state)};
  }

  static void ExpectSame(const SeriesFacts& one, const SeriesFacts& two) {
    EXPECT_OK(one.problem);
    EXPECT_EQ(one.indices.Ranges(), two.indices.Ranges());
    EXPECT_EQ(one.Summary(), two.Summary());
    EXPECT_EQ(one.dtype, two.dtype);
    EXPECT_EQ(one.qparam_shape, two.qparam_shape);
    ASSERT_EQ(one.coverage.workers.size(), two.coverage.workers.size());
    for (const auto& [worker, tally] : one.coverage.workers) {
      EXPECT_EQ(tally.batches, two.coverage.workers.at(worker).batches);
      EXPECT_EQ(tally.tokens, two.coverage.workers.at(worker).tokens);
    }
  }
};

TEST_F(FactsTest, AreTheSameAfterOpeningAgainHoweverManyRecordsThereAre) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  BatchIndex next = 0;
  for (const BatchIndex count : {BatchIndex{0}, BatchIndex{1}, kARow - 2, BatchIndex{1},
                                 BatchIndex{1}, 3 * kARow + 8, BatchIndex{5}}) {
    for (BatchIndex i = 0; i < count; ++i) Put(series, next++);
    const SeriesFacts before = *store_->Facts(series);
    EXPECT_EQ(before.coverage.count, next);
    Reopen();
    ExpectSame(*store_->Facts(series), before);
  }
  EXPECT_EQ(PutOne(*store_, series, std::nullopt, 1).index, next);
}

// Reference arithmetic gives a 2-D input one parameter with the shape ().
TEST_F(FactsTest, ShapeWithoutDimensionsIsKept) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  for (BatchIndex i = 0; i < kARow; ++i) {
    const NewRecord record{series, i, MakeObserved(double(i)), {}};
    ASSERT_EQ(store_->PutIfAbsent({&record, 1})[0].outcome, PutResult::kStored);
  }
  const SeriesFacts before = *store_->Facts(series);
  EXPECT_EQ(before.qparam_shape, std::vector<std::int64_t>());
  Reopen();
  ExpectSame(*store_->Facts(series), before);
  const NewRecord other{series, kARow, MakeObserved(kARow), {1}};
  EXPECT_EQ(store_->PutIfAbsent({&other, 1})[0].outcome, PutResult::kRefused);
}

TEST_F(FactsTest, RecordsInGapsOfTheirRowAreFound) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  // With fewer gaps, and with more gaps, than are searched one by one.
  for (const BatchIndex gaps : {BatchIndex{5}, BatchIndex{90}}) {
    const BatchIndex begin = gaps * 1000;
    for (BatchIndex i = 0; i < 300; ++i) {
      if (i % (300 / gaps) != 1) Put(series, begin + i);
    }
    Put(series, begin + 1);
    Put(series, begin + 500);
    const SeriesFacts before = *store_->Facts(series);
    Reopen();
    ExpectSame(*store_->Facts(series), before);
  }
}

TEST_F(FactsTest, FactsAreComputedForADirectoryWithoutRowsOfFacts) {
  Open();
  const SeriesId plain = *store_->CreateSession(MakeIdentity("a"));
  const SeriesId folded = *store_->CreateSession(MakeIdentity("b"));
  const SeriesId sealed = *store_->CreateSession(MakeIdentity("c"));
  for (BatchIndex i = 0; i < kARow; ++i) {
    for (const SeriesId series : {plain, folded, sealed}) Put(series, i);
  }
  Put(plain, kARow + 100);
  ASSERT_OK(store_->WriteCheckpoint(folded, CheckpointOf(folded, 70), /*drop_values=*/true));
  ASSERT_OK(store_->Seal(sealed, kARow));
  std::vector<SeriesFacts> before;
  for (const SeriesId series : {plain, folded, sealed}) {
    before.push_back(*store_->Facts(series));
  }
  DropRowsOfFacts();
  Open();
  std::size_t i = 0;
  for (const SeriesId series : {plain, folded, sealed}) {
    ExpectSame(*store_->Facts(series), before[i++]);
  }
  // From now on, records are written with a row of facts.
  Put(plain, kARow + 101);
  store_.reset();
  EXPECT_EQ(KeysOf(RowKind::kFacts).size(), 1U);
}

TEST_F(FactsTest, AreReadWithoutTheRecords) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  for (BatchIndex i = 0; i < 2 * kARow; ++i) Put(series, i);
  store_.reset();
  Overwrite(KeysOf(RowKind::kObserved), 2 * kARow);
  Open();
  EXPECT_EQ(store_->Facts(series)->coverage.count, 2 * kARow);
  EXPECT_EQ(PutOne(*store_, series, std::nullopt, 1).index, 2 * kARow);
  EXPECT_THAT(PutOne(*store_, series, 5, 5).status,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("record 5")));
}

TEST_F(FactsTest, RecordsOfADamagedRowAreCountedAgain) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  for (BatchIndex i = 0; i < kARow; ++i) Put(series, i);
  ASSERT_OK(store_->Seal(series, kARow));
  const SeriesFacts before = *store_->Facts(series);
  store_.reset();
  Overwrite(KeysOf(RowKind::kFacts), 1);
  Open();
  ExpectSame(*store_->Facts(series), before);
  EXPECT_EQ(PutOne(*store_, series, 1, 1).outcome, PutResult::kDuplicate);
  EXPECT_THAT(PutOne(*store_, series, kARow, 1).status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sealed")));
}

TEST_F(FactsTest, DamagedRecordThatMustBeCountedGivesDataLossAndKeepsTheSeal) {
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  for (BatchIndex i = 0; i < kARow - 1; ++i) Put(series, i);
  ASSERT_OK(store_->Seal(series, kARow - 1));
  store_.reset();
  Overwrite(KeysOf(RowKind::kObserved), kARow - 1);
  Open();
  const auto loss = StatusIs(absl::StatusCode::kDataLoss,
                             AllOf(HasSubstr("runs/r/sessions/layer/input"), HasSubstr("record 0"),
                                   HasSubstr("restore a backup")));
  const auto facts = store_->Facts(series);
  ASSERT_OK(facts);
  EXPECT_THAT(facts->problem, loss);
  EXPECT_EQ(facts->sealed_count, kARow - 1);
  EXPECT_EQ(facts->coverage.count, 0);
  EXPECT_THAT(PutOne(*store_, series, 1, 1).status, loss);
  EXPECT_THAT(store_->Seal(series, kARow - 1), loss);
  EXPECT_EQ(PutOne(*store_, *store_->ResetSession(series), 1, 1).outcome, PutResult::kStored);
}

TEST_F(FactsTest, WriteThatFailedChangesNoneOfThem) {
  const auto files = std::make_shared<FaultyFiles>();
  options_.file_system = files;
  Open();
  const SeriesId series = *store_->CreateSession(MakeIdentity("r"));
  for (BatchIndex i = 0; i < 70; ++i) Put(series, i);
  EXPECT_EQ(PutOne(*store_, series, 0, 99).outcome, PutResult::kConflict);
  const SeriesFacts before = *store_->Facts(series);
  EXPECT_EQ(before.conflict_count, 1);
  files->Fail(FaultyFiles::What::kSync, ".log", 0, 1);
  const std::vector<NewRecord> records = {MakeNew(series, 0, 0), MakeNew(series, 70, 1),
                                          MakeNew(series, 70, 2), MakeNew(series, 0, 98)};
  const auto results = store_->PutIfAbsent(records);
  EXPECT_EQ(results[0].outcome, PutResult::kDuplicate);
  EXPECT_EQ(results[1].outcome, PutResult::kUncertain);
  EXPECT_EQ(results[2].outcome, PutResult::kUncertain);
  EXPECT_EQ(results[3].outcome, PutResult::kConflict);
  ASSERT_NE(results[3].summary, nullptr);
  EXPECT_EQ(results[3].summary->count, 70);
  SeriesFacts expected = before;
  expected.conflict_count = 2;
  ExpectSame(*store_->Facts(series), expected);
}

}  // namespace
}  // namespace calipers::server
