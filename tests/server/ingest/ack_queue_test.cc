#include "server/ingest/ack_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace calipers::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Ack Numbered(std::int64_t ordinal) {
  Ack ack;
  ack.ordinal = ordinal;
  return ack;
}

std::vector<std::int64_t> Ordinals(const std::vector<Ack>& acks) {
  std::vector<std::int64_t> ordinals;
  for (const Ack& ack : acks) ordinals.push_back(ack.ordinal);
  return ordinals;
}

TEST(AckQueueTest, KeepsTheOrderOfObservationsIfLaterResultsComeFirst) {
  AckQueue queue;
  int told = 0;
  queue.NotifyReady([&told] { ++told; });
  const AckQueue::Slot first = queue.Reserve();
  queue.Push(Numbered(1));
  const AckQueue::Slot third = queue.Reserve();
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_FALSE(queue.HasReady());
  EXPECT_THAT(queue.Drain(10), IsEmpty());
  queue.Fill({{third, Numbered(2)}});
  EXPECT_FALSE(queue.HasReady());
  queue.Fill({{first, Numbered(0)}});
  EXPECT_EQ(told, 2);
  EXPECT_TRUE(queue.HasReady());
  EXPECT_THAT(Ordinals(queue.Drain(2)), ElementsAre(0, 1));
  EXPECT_THAT(Ordinals(queue.Drain(2)), ElementsAre(2));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(AckQueueTest, SlotStaysValidWhileOtherAcksAreDrained) {
  AckQueue queue;
  queue.Push(Numbered(0));
  const AckQueue::Slot slot = queue.Reserve();
  EXPECT_THAT(Ordinals(queue.Drain(5)), ElementsAre(0));
  queue.Fill({{slot, Numbered(1)}});
  EXPECT_THAT(Ordinals(queue.Drain(5)), ElementsAre(1));
}

}  // namespace
}  // namespace calipers::server
