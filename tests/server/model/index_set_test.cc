#include "server/model/index_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "core/limits.h"

namespace calipers::server {
namespace {

std::vector<IndexRange> SlowMissing(const std::set<BatchIndex>& indices) {
  std::vector<IndexRange> missing;
  for (BatchIndex i = 0; !indices.empty() && i < *indices.rbegin(); ++i) {
    if (indices.contains(i)) continue;
    if (!missing.empty() && missing.back().end == i) {
      ++missing.back().end;
    } else {
      missing.push_back({i, i + 1});
    }
  }
  return missing;
}

TEST(IndexSetTest, AgreesWithAPlainSet) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    IndexSet set;
    std::set<BatchIndex> plain;
    const std::size_t span = 1 + random() % 60;
    for (int i = 0; i < 60; ++i) {
      const auto index = static_cast<BatchIndex>(random() % span);
      ASSERT_EQ(set.Insert(index), plain.insert(index).second);
      BatchIndex prefix = 0;
      while (plain.contains(prefix)) ++prefix;
      ASSERT_EQ(set.ContiguousPrefix(), prefix);
      ASSERT_EQ(set.End(), *plain.rbegin() + 1);
      const std::vector<IndexRange> missing = SlowMissing(plain);
      ASSERT_EQ(set.Missing(1000), missing);
      ASSERT_EQ(set.MissingRangeCount(), static_cast<std::int64_t>(missing.size()));
    }
  }
}

TEST(IndexSetTest, EmptySetHasNoMissingRanges) {
  const IndexSet set;
  EXPECT_EQ(set.End(), 0);
  EXPECT_EQ(set.ContiguousPrefix(), 0);
  EXPECT_TRUE(set.Missing(10).empty());
  EXPECT_EQ(set.MissingRangeCount(), 0);
}

TEST(IndexSetTest, MissingIsCutAtTheLimitAndCountedWhole) {
  IndexSet set;
  for (BatchIndex i = 1; i < 100; i += 2) set.Insert(i);
  EXPECT_EQ(set.Missing(3), (std::vector<IndexRange>{{0, 1}, {2, 3}, {4, 5}}));
  EXPECT_EQ(set.MissingRangeCount(), 50);
}

TEST(IndexSetTest, TakesTheGreatestIndex) {
  IndexSet set;
  set.Insert(kMaxBatchIndex);
  EXPECT_EQ(set.End(), kMaxBatchIndex + 1);
  EXPECT_EQ(set.Missing(1), (std::vector<IndexRange>{{0, kMaxBatchIndex}}));
}

TEST(IndexSetTest, RangesMakeTheSameSet) {
  std::mt19937 random(5);
  for (int round = 0; round < 100; ++round) {
    IndexSet set;
    for (int i = 0; i < 40; ++i) set.Insert(static_cast<BatchIndex>(random() % 60));
    IndexSet again;
    for (const IndexRange& range : set.Ranges()) again.Append(range);
    EXPECT_EQ(again.Ranges(), set.Ranges());
    for (BatchIndex index = 0; index < 61; ++index) {
      EXPECT_EQ(again.Contains(index), set.Contains(index));
      EXPECT_EQ(again.Insert(index), set.Insert(index));
    }
    EXPECT_EQ(again.Ranges(), (std::vector<IndexRange>{{0, 61}}));
  }
}

}  // namespace
}  // namespace calipers::server
