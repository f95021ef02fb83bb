#include "server/session/fold_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/session/session_table.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/add_record.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::AddRecord;
using calipers::testing::MakeRecord;

class FoldCacheTest : public ::testing::Test {
 protected:
  // A session whose fold is in memory.
  std::shared_ptr<Session> Asked(int i) {
    const auto session =
        *table_.Create(*SessionName::Parse(absl::StrCat("runs/r/sessions/m", i, "/input")), {});
    AddRecord(store_, *session, 0, {1}, MakeRecord(0, i), "w");
    EXPECT_OK(session->GetMinMax());
    return session;
  }

  MemoryStore store_{1 << 20};
  SessionTable table_{&store_, 100};
};

TEST_F(FoldCacheTest, RecentlyUsedSessionsKeepTheirFolds) {
  const auto first = Asked(0);
  const std::size_t size = first->FoldBytes();
  ASSERT_GT(size, 0U);
  FoldCache cache(3 * size);
  std::vector<std::shared_ptr<Session>> sessions = {first};
  for (int i = 1; i < 5; ++i) sessions.push_back(Asked(i));
  for (int i : {0, 1, 2, 0, 3, 4}) cache.Used(sessions[static_cast<std::size_t>(i)]);
  EXPECT_EQ(cache.bytes(), 3 * size);
  EXPECT_GT(sessions[0]->FoldBytes(), 0U);
  EXPECT_EQ(sessions[1]->FoldBytes(), 0U);
  EXPECT_EQ(sessions[2]->FoldBytes(), 0U);
  EXPECT_GT(sessions[3]->FoldBytes(), 0U);
  EXPECT_GT(sessions[4]->FoldBytes(), 0U);
  EXPECT_OK(sessions[1]->GetMinMax());
}

TEST_F(FoldCacheTest, LastUsedSessionKeepsItsFoldAboveTheLimit) {
  const auto session = Asked(0);
  FoldCache cache(0);
  cache.Used(session);
  cache.Used(session);
  EXPECT_GT(session->FoldBytes(), 0U);
  cache.Used(Asked(1));
  EXPECT_EQ(session->FoldBytes(), 0U);
}

TEST_F(FoldCacheTest, DeletedSessionMakesRoom) {
  FoldCache cache(1);
  cache.Used(Asked(0));
  ASSERT_OK(table_.DeleteRun(*RunName::Parse("runs/r")));
  const auto session = Asked(1);
  cache.Used(session);
  EXPECT_EQ(cache.bytes(), session->FoldBytes());
}

}  // namespace
}  // namespace calipers::server
