#include "server/memory_store.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/server/store_contract.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

struct MemoryStoreFactory {
  std::unique_ptr<Store> Make() { return std::make_unique<MemoryStore>(std::int64_t{1} << 30); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContract, MemoryStoreFactory);

TEST(MemoryStoreTest, IsFullAtItsLimitAndEmptyAfterDeletion) {
  MemoryStore store(1000);
  const SeriesId series = *store.CreateSeries();
  BatchIndex index = 0;
  while (store.PutIfAbsent(series, index, testing::MakeRecord(0, 1)).ok()) {
    ASSERT_LT(++index, 100);
  }
  EXPECT_GT(index, 0);
  EXPECT_LE(store.bytes(), 1000);
  EXPECT_THAT(store.PutIfAbsent(series, index, testing::MakeRecord(0, 1)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("--max-store-bytes")));
  // A session's fold is paid for with its first record.
  EXPECT_GE(1000 - store.bytes(), 0);
  EXPECT_LT(index * 150, store.bytes());
  // What is there is still known.
  EXPECT_EQ(*store.PutIfAbsent(series, 0, testing::MakeRecord(0, 1)), PutOutcome::kDuplicate);
  EXPECT_OK(store.DeleteSeries(series));
  EXPECT_EQ(store.bytes(), 0);
}

}  // namespace
}  // namespace calipers::server
