#include "server/storage/memory/memory_store.h"

#include <gtest/gtest.h>

#include "tests/server/storage/store_contract.h"

namespace calipers::server {
namespace {

using calipers::testing::IndicesOf;
using calipers::testing::MakeIdentity;
using calipers::testing::MakeObserved;
using calipers::testing::PutOne;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

class MemoryHolder {
 public:
  Store& store() { return store_; }
  Store& another() { return store_; }

 private:
  MemoryStore store_{std::int64_t{1} << 30};
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContract, MemoryHolder);

SeriesId Create(MemoryStore& store, const std::string& session = "layer/input") {
  return *store.CreateSession(MakeIdentity("r", session));
}

TEST(MemoryStoreTest, NeverWaits) { EXPECT_TRUE(MemoryStore(1).IsImmediate()); }

TEST(MemoryStoreTest, IsFullAtItsLimitAndEmptyAfterDeletion) {
  MemoryStore store(1000);
  const SeriesId series = Create(store);
  BatchIndex index = 0;
  while (PutOne(store, series, index, 1).outcome == PutResult::kStored) ASSERT_LT(++index, 100);
  EXPECT_GT(index, 0);
  EXPECT_LE(store.bytes(), 1000);
  const PutResult refused = PutOne(store, series, index, 1);
  EXPECT_EQ(refused.outcome, PutResult::kRefused);
  EXPECT_THAT(refused.status,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("--max-store-bytes")));
  // The first record of a session also pays for the memory of the session's fold.
  EXPECT_LT(index * 150, store.bytes());
  // Stored records are still known.
  EXPECT_EQ(PutOne(store, series, 0, 1).outcome, PutResult::kDuplicate);
  EXPECT_EQ(IndicesOf(store, series).size(), std::size_t(index));
  EXPECT_OK(store.DeleteSession(series));
  EXPECT_EQ(store.bytes(), 0);
}

TEST(MemoryStoreTest, ResetAndDeletedRunsFreeTheirMemory) {
  MemoryStore store(std::int64_t{1} << 20);
  const SeriesId a = Create(store, "a/input");
  const SeriesId b = Create(store, "b/input");
  PutOne(store, a, 0, 1);
  const std::int64_t one = store.bytes();
  PutOne(store, b, 0, 1);
  EXPECT_EQ(store.bytes(), 2 * one);
  const SeriesId again = *store.ResetSession(a);
  EXPECT_EQ(store.bytes(), one);
  PutOne(store, again, 0, 1);
  EXPECT_OK(store.DeleteRun(*RunName::Parse("runs/r")));
  EXPECT_EQ(store.bytes(), 0);
}

TEST(MemoryStoreTest, DroppedValuesFreeTheirMemory) {
  MemoryStore store(std::int64_t{1} << 20);
  const SeriesId series = Create(store);
  for (BatchIndex i = 0; i < 10; ++i) PutOne(store, series, i, 1);
  const std::int64_t before = store.bytes();
  const std::size_t values = MakeObserved(1)->record.heap_bytes();
  EXPECT_OK(store.WriteCheckpoint(series, {4, "state"}, true));
  EXPECT_EQ(store.bytes(), before - static_cast<std::int64_t>(4 * values));
  EXPECT_OK(store.WriteCheckpoint(series, {4, "state"}, true));
  EXPECT_EQ(store.bytes(), before - static_cast<std::int64_t>(4 * values));
  EXPECT_OK(store.DeleteSession(series));
  EXPECT_EQ(store.bytes(), 0);
}

TEST(MemoryStoreTest, HasNoBackup) {
  MemoryStore store(1000);
  EXPECT_THAT(store.CreateBackup("b"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--data-dir")));
}

}  // namespace
}  // namespace calipers::server
