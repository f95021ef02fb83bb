#include "client/cli/terminal/progress_bar.h"

#include <gtest/gtest.h>

#include <sstream>

namespace calipers::client {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

class ProgressBarTest : public ::testing::Test {
 protected:
  ProgressBar Bar(ProgressBar::Mode mode, std::int64_t total,
                  ProgressBar::Unit unit = ProgressBar::Unit::kBytesSent) {
    return ProgressBar(mode, unit, total, out_, [this] { return now_; });
  }
  // The output since the last call.
  std::string Written() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
};

TEST_F(ProgressBarTest, TerminalShowsBytesRateAndTimeLeft) {
  ProgressBar bar = Bar(ProgressBar::Mode::kTerminal, 400 * kMiB);
  EXPECT_EQ(Written(), "");
  bar.Update(0);
  EXPECT_EQ(Written(), "\r\033[K[                        ] 0 B of 400.0 MiB  0 B/s  0.0 s");
  now_ += absl::Seconds(2);
  bar.Update(100 * kMiB);
  EXPECT_EQ(Written(),
            "\r\033[K[######                  ] 100.0 MiB of 400.0 MiB  50.0 MiB/s  6 s left");
  now_ += absl::Seconds(4.5);
  bar.Update(390 * kMiB);
  EXPECT_EQ(Written(),
            "\r\033[K[####################### ] 390.0 MiB of 400.0 MiB  60.0 MiB/s  0 s left");
  now_ += absl::Seconds(1.5);
  bar.Done(400 * kMiB);
  EXPECT_EQ(Written(),
            "\r\033[K[########################] 400.0 MiB of 400.0 MiB  50.0 MiB/s  8.0 s\n");
}

TEST_F(ProgressBarTest, LineModePrintsOneLineAtTheEnd) {
  ProgressBar bar = Bar(ProgressBar::Mode::kLine, 3 * kMiB);
  bar.Update(0);
  now_ += absl::Seconds(2);
  bar.Update(kMiB);
  EXPECT_EQ(Written(), "");
  bar.Done(3 * kMiB);
  EXPECT_EQ(Written(), "sent 3.0 MiB of 3.0 MiB  1.5 MiB/s  2.0 s\n");
}

TEST_F(ProgressBarTest, TransferThatBrokeSaysHowFarItCame) {
  ProgressBar bar = Bar(ProgressBar::Mode::kLine, 4 * kMiB);
  now_ += absl::Seconds(1);
  bar.Done(kMiB);
  EXPECT_EQ(Written(), "sent 1.0 MiB of 4.0 MiB  1.0 MiB/s  3 s left\n");
}

TEST_F(ProgressBarTest, EmptyTransferShowsAFullBar) {
  ProgressBar bar = Bar(ProgressBar::Mode::kTerminal, 0);
  bar.Done(0);
  EXPECT_EQ(Written(), "\r\033[K[########################] 0 B of 0 B  0 B/s  0.0 s\n");
}

TEST_F(ProgressBarTest, RecordsAreCountedToo) {
  ProgressBar bar = Bar(ProgressBar::Mode::kTerminal, 10, ProgressBar::Unit::kRecordsSent);
  now_ += absl::Seconds(1);
  bar.Update(5);
  EXPECT_EQ(Written(),
            "\r\033[K[############            ] 5 records of 10 records  5 records/s  1 s left");
  // More than the total at the start.
  now_ += absl::Seconds(1);
  bar.Done(12);
  EXPECT_EQ(Written(),
            "\r\033[K[########################] 12 records of 10 records  6 records/s  2.0 s\n");
  ProgressBar line = Bar(ProgressBar::Mode::kLine, 1, ProgressBar::Unit::kRecordsRead);
  now_ += absl::Seconds(1);
  line.Done(1);
  EXPECT_EQ(Written(), "read 1 records of 1 records  1 records/s  1.0 s\n");
}

TEST_F(ProgressBarTest, IsDrawnTenTimesASecondAtMost) {
  ProgressBar bar = Bar(ProgressBar::Mode::kTerminal, 100);
  bar.Update(1);
  EXPECT_NE(Written(), "");
  now_ += absl::Milliseconds(99);
  bar.Update(2);
  EXPECT_EQ(Written(), "");
  now_ += absl::Milliseconds(1);
  bar.Update(3);
  EXPECT_NE(Written(), "");
}

TEST_F(ProgressBarTest, SilentModePrintsNothing) {
  ProgressBar bar = Bar(ProgressBar::Mode::kSilent, kMiB);
  bar.Update(kMiB);
  bar.Done(kMiB);
  EXPECT_EQ(Written(), "");
}

}  // namespace
}  // namespace calipers::client
