#include "client/library/send_window.h"

#include <gtest/gtest.h>

namespace calipers::client {
namespace {

TEST(SendWindowTest, IsFullAtItsLimitOfObservationsOrBytes) {
  SendWindow window(3, 100);
  EXPECT_TRUE(window.HasRoom(3, 100));
  window.Add(40);
  EXPECT_TRUE(window.HasRoom(2, 60));
  EXPECT_FALSE(window.HasRoom(3, 60));
  EXPECT_FALSE(window.HasRoom(2, 61));
  window.Add(60);
  EXPECT_TRUE(window.HasRoom(1, 0));
  EXPECT_FALSE(window.HasRoom(1, 1));
  window.Add(0);
  EXPECT_FALSE(window.HasRoom(1, 0));
}

TEST(SendWindowTest, WhatIsAcknowledgedMakesRoom) {
  SendWindow window(2, 100);
  window.Add(70);
  window.Add(30);
  window.Remove(70);
  EXPECT_TRUE(window.HasRoom(1, 70));
  EXPECT_FALSE(window.HasRoom(1, 71));
  window.Remove(30);
  EXPECT_TRUE(window.HasRoom(2, 100));
}

TEST(SendWindowTest, ObservationLargerThanTheWindowIsSentAlone) {
  SendWindow window(2, 100);
  EXPECT_TRUE(window.HasRoom(5, 1000));
  window.Add(1000);
  EXPECT_FALSE(window.HasRoom(1, 0));
  window.Remove(1000);
  EXPECT_TRUE(window.HasRoom(1, 1000));
}

}  // namespace
}  // namespace calipers::client
