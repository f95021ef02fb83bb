#include "server/session/change_feed.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace calipers::server {
namespace {

using Names = std::vector<std::string>;

SessionName Name(const std::string& run, const std::string& id) {
  return *SessionName::Make(*RunName::Parse("runs/" + run), id);
}

std::unique_ptr<ChangeFeed::Subscription> Subscribe(ChangeFeed& feed, const std::string& parent,
                                                    const std::string& glob = "") {
  return feed.Subscribe(*NameFilter::Make(parent, glob));
}

TEST(ChangeFeedTest, ChangesAreMergedBySessionAndSortedByName) {
  ChangeFeed feed;
  const auto subscription = Subscribe(feed, "runs/r");
  feed.Changed(Name("r", "n/input"));
  feed.Changed(Name("r", "m/input"));
  feed.Changed(Name("r", "n/input"));
  EXPECT_EQ(subscription->Poll(absl::ZeroDuration()),
            (Names{"runs/r/sessions/m/input", "runs/r/sessions/n/input"}));
  EXPECT_EQ(subscription->Poll(absl::ZeroDuration()), Names{});
  feed.Changed(Name("r", "n/input"));
  EXPECT_EQ(subscription->Poll(absl::ZeroDuration()), Names{"runs/r/sessions/n/input"});
}

TEST(ChangeFeedTest, EachSubscriberHasItsOwnFilterAndPlace) {
  ChangeFeed feed;
  feed.Changed(Name("r", "before/input"));
  const auto all = Subscribe(feed, "runs/-");
  const auto run = Subscribe(feed, "runs/r");
  const auto some = Subscribe(feed, "runs/r", "*/weight");
  feed.Changed(Name("r", "m/input"));
  feed.Changed(Name("rr", "m/weight"));
  EXPECT_EQ(run->Poll(absl::ZeroDuration()), Names{"runs/r/sessions/m/input"});
  EXPECT_EQ(some->Poll(absl::ZeroDuration()), Names{});
  feed.Changed(Name("r", "m/weight"));
  EXPECT_EQ(some->Poll(absl::ZeroDuration()), Names{"runs/r/sessions/m/weight"});
  EXPECT_EQ(
      all->Poll(absl::ZeroDuration()),
      (Names{"runs/r/sessions/m/input", "runs/r/sessions/m/weight", "runs/rr/sessions/m/weight"}));
}

TEST(ChangeFeedTest, PollEndsAtAChangeOrAtTheTimeout) {
  ChangeFeed feed;
  const auto subscription = Subscribe(feed, "runs/r");
  EXPECT_EQ(subscription->Poll(absl::Milliseconds(1)), Names{});
  std::thread other([&feed] { feed.Changed(Name("r", "m/input")); });
  EXPECT_EQ(subscription->Poll(absl::Seconds(60)).size(), 1U);
  other.join();
}

TEST(ChangeFeedTest, NoChangeIsLostWhileOthersComeAndGo) {
  ChangeFeed feed;
  const auto subscription = Subscribe(feed, "runs/r");
  constexpr int kThreads = 3;
  constexpr int kNames = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&feed, t] {
      for (int i = 0; i < kNames; ++i) {
        const auto passing = Subscribe(feed, "runs/r");
        feed.Changed(Name("r", absl::StrCat("m", t, ".", i, "/input")));
        EXPECT_FALSE(passing->Poll(absl::ZeroDuration()).empty());
      }
    });
  }
  // Each name changes once, so each name arrives once.
  int taken = 0;
  while (taken < kThreads * kNames) {
    const Names names = subscription->Poll(absl::Seconds(60));
    ASSERT_FALSE(names.empty()) << taken;
    taken += static_cast<int>(names.size());
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kThreads * kNames);
  EXPECT_EQ(subscription->Poll(absl::ZeroDuration()), Names{});
}

}  // namespace
}  // namespace calipers::server
