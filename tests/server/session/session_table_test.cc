#include "server/session/session_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;

class SessionTableTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<Session>> Create(const std::string& run, const std::string& id,
                                                  const SessionSpec& spec = {}) {
    return table_.Create(*SessionName::Make(*RunName::Parse(run), id), spec);
  }

  std::vector<std::string> ListAll(const std::string& parent, const std::string& glob,
                                   std::size_t page_size) {
    std::vector<std::string> names;
    const NameFilter filter = *NameFilter::Make(parent, glob);
    std::string after;
    do {
      const SessionTable::Page page = table_.List(filter, after, page_size);
      EXPECT_LE(page.sessions.size(), page_size);
      for (const auto& session : page.sessions) names.push_back(session->name().full());
      after = page.next_after;
    } while (!after.empty());
    return names;
  }

  MemoryStore store_{1 << 20};
  SessionTable table_{&store_, 50};
};

TEST_F(SessionTableTest, CreatingAnEqualSessionReturnsTheExistingSession) {
  const auto first = Create("runs/a", "m/input");
  ASSERT_OK(first);
  EXPECT_EQ(*Create("runs/a", "m/input"), *first);
  EXPECT_EQ(*table_.Find("runs/a/sessions/m/input"), *first);
}

TEST_F(SessionTableTest, CreatingWithAnotherSpecNamesTheDifferences) {
  SessionSpec spec;
  spec.args.strategy = Strategy::kGroup;
  spec.args.group_size = 128;
  ASSERT_OK(Create("runs/a", "m/input", spec));
  spec.args.group_size = 64;
  spec.arithmetic = Arithmetic::kReference;
  EXPECT_THAT(Create("runs/a", "m/input", spec),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       ::testing::AllOf(HasSubstr("group_size is 128, given 64"),
                                        HasSubstr("arithmetic is exact, given reference"))));
}

TEST_F(SessionTableTest, ContradictorySpecIsRefused) {
  SessionSpec spec;
  spec.args.strategy = Strategy::kChannel;
  EXPECT_THAT(Create("runs/a", "m/input", spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("channel")));
  SessionSpec float8;
  float8.dtype = Dtype::kF8E4M3;
  float8.arithmetic = Arithmetic::kReference;
  EXPECT_THAT(Create("runs/a", "m/input", float8),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("F8_E4M3")));
}

TEST_F(SessionTableTest, PagesOfAnySizeShowEachSessionOnceInOrder) {
  std::set<std::string> expected;
  for (int i = 0; i < 23; ++i) {
    const std::string id = absl::StrCat("m.", i, i % 2 == 0 ? "/input" : "/weight");
    ASSERT_OK(Create("runs/a", id));
    expected.insert("runs/a/sessions/" + id);
  }
  ASSERT_OK(Create("runs/aa", "m/input"));
  ASSERT_OK(Create("runs/b", "m/input"));
  const std::vector<std::string> in_order(expected.begin(), expected.end());
  for (std::size_t size : {1, 2, 7, 23, 100}) {
    EXPECT_EQ(ListAll("runs/a", "", size), in_order) << size;
    EXPECT_EQ(ListAll("runs/a", "*/weight", size).size(), 11U) << size;
    EXPECT_EQ(ListAll("runs/-", "", size).size(), 25U) << size;
    EXPECT_TRUE(ListAll("runs/c", "", size).empty());
  }
}

// A page stops after it has checked many names, and the next page continues from there. So a filter
// with few matches does not slow other callers.
TEST_F(SessionTableTest, FilterWithFewMatchesTakesSeveralPagesAndFindsAll) {
  constexpr int kSessions = 45'000;
  SessionTable table(&store_, kSessions);
  for (int i = 0; i < kSessions; ++i) {
    const std::string id = absl::StrCat("m.", 100'000 + i, i % 22'000 == 7 ? "/weight" : "/input");
    ASSERT_OK(table.Create(*SessionName::Make(*RunName::Parse("runs/a"), id), {}));
  }
  const NameFilter filter = *NameFilter::Make("runs/a", "*/weight");
  std::vector<std::string> found;
  int pages = 0;
  std::string after;
  do {
    const SessionTable::Page page = table.List(filter, after, 10);
    ASSERT_LT(++pages, 10);
    for (const auto& session : page.sessions) found.push_back(session->name().full());
    after = page.next_after;
  } while (!after.empty());
  EXPECT_GT(pages, 1);
  EXPECT_EQ(found, (std::vector<std::string>{"runs/a/sessions/m.100007/weight",
                                             "runs/a/sessions/m.122007/weight",
                                             "runs/a/sessions/m.144007/weight"}));
}

TEST_F(SessionTableTest, RestoresTheSessionsOfTheStore) {
  // In random order, and in more than one run.
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(Create(absl::StrCat("runs/", i % 3), absl::StrCat(i * 7 % 40, "/input")));
  }
  SessionTable restored(&store_, 50);
  ASSERT_OK(restored.Restore());
  for (const char* const parent : {"runs/0", "runs/1", "runs/2"}) {
    const NameFilter filter = *NameFilter::Make(parent, "");
    std::vector<std::string> names;
    for (const auto& session : restored.List(filter, "", 50).sessions) {
      names.push_back(session->name().full());
      EXPECT_EQ(*restored.Find(session->name().full()), session);
    }
    EXPECT_EQ(names, ListAll(parent, "", 50));
    EXPECT_GE(names.size(), 13U);
  }
}

TEST_F(SessionTableTest, DeletesOneOrARun) {
  ASSERT_OK(Create("runs/a", "m/input"));
  ASSERT_OK(Create("runs/a", "n/input"));
  ASSERT_OK(Create("runs/aa", "m/input"));
  ASSERT_OK(table_.Delete("runs/a/sessions/m/input"));
  EXPECT_TRUE(absl::IsNotFound(table_.Delete("runs/a/sessions/m/input")));
  EXPECT_THAT(table_.Find("runs/a/sessions/m/input"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("runs/a/sessions/m/input")));
  ASSERT_OK(table_.DeleteRun(*RunName::Parse("runs/a")));
  EXPECT_TRUE(absl::IsNotFound(table_.DeleteRun(*RunName::Parse("runs/a"))));
  EXPECT_OK(table_.Find("runs/aa/sessions/m/input"));
}

TEST(SessionTableRunTest, DeletesAllSessionsOfALargeRunAndNoOther) {
  MemoryStore store(1 << 20);
  SessionTable table(&store, 6000);
  const auto create = [&](const std::string& run, int i) {
    return table
        .Create(*SessionName::Make(*RunName::Parse(run), absl::StrCat("m.", i, "/input")), {})
        .status();
  };
  for (int i = 0; i < 5000; ++i) ASSERT_OK(create("runs/large", i));
  ASSERT_OK(create("runs/large2", 0));
  ASSERT_OK(table.DeleteRun(*RunName::Parse("runs/large")));
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(
        absl::IsNotFound(table.Find(absl::StrCat("runs/large/sessions/m.", i, "/input")).status()));
  }
  EXPECT_OK(table.Find("runs/large2/sessions/m.0/input"));
  EXPECT_TRUE(absl::IsNotFound(table.DeleteRun(*RunName::Parse("runs/large"))));
}

TEST_F(SessionTableTest, IsFullAtItsLimit) {
  for (int i = 0; i < 50; ++i) ASSERT_OK(Create("runs/a", absl::StrCat("m.", i, "/input")));
  EXPECT_THAT(Create("runs/a", "n/input"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("--max-sessions")));
  // An existing session is still found.
  EXPECT_OK(Create("runs/a", "m.0/input"));
}

TEST_F(SessionTableTest, TellsSubscribersWhatChanged) {
  const auto all = table_.feed().Subscribe(*NameFilter::Make("runs/a", ""));
  const auto some = table_.feed().Subscribe(*NameFilter::Make("runs/a", "n*"));
  EXPECT_TRUE(all->Poll(absl::ZeroDuration()).empty());
  const auto session = Create("runs/a", "m/input");
  ASSERT_OK(Create("runs/b", "n/input"));
  EXPECT_EQ(all->Poll(absl::Seconds(20)), std::vector<std::string>{"runs/a/sessions/m/input"});
  ASSERT_OK((*session)->Reset());
  ASSERT_OK((*session)->Reset());
  EXPECT_EQ(all->Poll(absl::Seconds(20)).size(), 1U);
  ASSERT_OK(table_.Delete("runs/a/sessions/m/input"));
  EXPECT_EQ(all->Poll(absl::Seconds(20)).size(), 1U);
  EXPECT_TRUE(some->Poll(absl::ZeroDuration()).empty());
}

}  // namespace
}  // namespace calipers::server
